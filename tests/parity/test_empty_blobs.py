"""Blobs without values: every layer computes an empty result or says, with its name, that it cannot.

The original aborts at the first blob without values that a layer reads (the probe no_images of test_differences.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cases
import fork_cases
import numpy as np
import pytest
import runner
from case import Case, Shape

import caffe_torch as caffe
from caffe_torch.layers.base import REGISTRY


class Form(NamedTuple):
    """A net: ``layers`` behind Inputs of these shapes, a, b, c, ..., filled with ones."""

    type: str
    layers: str
    shapes: dict[str, Shape]


def _form(kind: str, settings: str, *shapes: Shape) -> Form:
    names = "abcdefgh"[: len(shapes)]
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    return Form(kind, f'layer {{ name: "it" type: "{kind}" {bottoms} {settings} }}', dict(zip(names, shapes)))


_IMAGES, _CONVOLUTION = (2, 4, 6, 8), "convolution_param { num_output: 4 kernel_size: 3 group: 4 }"
#: Forks' types that fork_cases has not.
_MORE = [
    _form("Axpy", 'top: "t"', (2, 4), _IMAGES, _IMAGES),
    _form("BN", 'top: "t" bn_param { }', _IMAGES),
    _form("BoxAnnotatorOHEM", 'top: "t" top: "u" box_annotator_ohem_param { roi_per_img: 2 }',
          (3, 5), (3, 1, 1, 1), (3, 1, 1, 1), (3, 8, 1, 1)),
    _form("CenterLoss", 'top: "t" center_loss_param { num_output: 2 }', (3, 4), (3,)),
    _form("ConvolutionDepthwise", f'top: "t" {_CONVOLUTION}', _IMAGES),
    _form("DepthwiseConvolution", f'top: "t" {_CONVOLUTION}', _IMAGES),
    _form("DetectionEvaluate", 'top: "t" detection_evaluate_param { num_classes: 3 }', (1, 1, 2, 7), (1, 1, 2, 8)),
    _form("Flip", 'top: "t"', _IMAGES),
    _form("MarginInnerProduct", 'top: "t" margin_inner_product_param { num_output: 3 }', (3, 4), (3,)),
    _form("MultiBoxLoss", 'top: "t" multibox_loss_param { num_classes: 3 }', (1, 8), (1, 6), (1, 2, 8), (1, 1, 2, 8)),
    _form("SegAccuracy", 'top: "t"', _IMAGES, (2, 1, 6, 8)),
    _form("SmoothL1Loss", 'top: "t"', (2, 4), (2, 4)),
    _form("SmoothL1LossOHEM", 'top: "t" top: "u"', (3, 8, 1, 1), (3, 8, 1, 1)),
    _form("SoftmaxWithLossOHEM", 'top: "t" top: "u"', (3, 4, 1, 1), (3, 1, 1, 1)),
    _form("Upsample", 'top: "t" upsample_param { scale: 2 }', _IMAGES),
    _form("YoloDetectionOutput", 'top: "t" yolo_detection_output_param { side: 6 num_classes: 3 biases: 1 biases: 2 }',
          (1, 8, 6, 6)),
    _form("Yolov3DetectionOutput", 'top: "t" yolov3_detection_output_param { num_classes: 3 biases: 10 biases: 20 '
          "mask: 0 anchors_scale: 8 mask_group_num: 1 }", (1, 8, 6, 6)),
]  # fmt: skip

#: Types that read no blob of a net, or write none: their own tests have files without records.
_FILES = {
    "AnnotatedData", "Data", "DenseImageData", "DummyData", "HDF5Data", "HDF5Output", "ImageData", "ImageLabelmapData",
    "ImageSegData", "Input", "MemoryData", "Parameter", "WindowData",
}  # fmt: skip


def _without(shape: Shape, axis: int) -> Shape:
    return tuple(0 if i == axis else n for i, n in enumerate(shape))


def _emptied(shapes: dict[str, Shape]) -> Iterator[dict[str, Shape]]:
    """One axis of length 0: in all blobs, or in one alone."""
    for axis in range(max(map(len, shapes.values()))):
        yield {name: _without(shape, axis) for name, shape in shapes.items()}
        for alone in shapes if len(shapes) > 1 else ():
            yield {name: _without(shape, axis) if name == alone else shape for name, shape in shapes.items()}


def _forms(kind: str) -> list[Case | Form]:
    """The nets about a layer type, but those that need a file."""
    forks = [
        Form(case.type, case.layers, {name: array.shape for name, array in zip("abcdefgh", case.inputs)})
        for case in fork_cases.CASES
    ]
    own = [case for case in cases.CASES if case.bottoms and "../files" not in case.prototxt()]
    forms: list[Case | Form] = [*own, *forks, *_MORE]
    return [form for form in forms if form.type == kind]


def _run(form: Case | Form, shapes: dict[str, Shape], folder: Path) -> None:
    """Forward and backward."""
    if isinstance(form, Case):
        runner.run_net(caffe, replace(form, bottoms=shapes).as_job())
        return
    inputs = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {n}' for n in shape)} }} }} }}\n"
        for name, shape in shapes.items()
    )
    path = folder / "net.prototxt"
    path.write_text(inputs + form.layers)
    net = caffe.Net(str(path), caffe.TRAIN)
    for name in shapes:
        net.blobs[name].data[...] = 1
    net.forward()
    net.backward()


@pytest.mark.parametrize(
    "filler", ["constant", "gaussian", "uniform", "xavier", "msra", "positive_unitball", "bilinear"]
)
@pytest.mark.parametrize("shape", ["shape { dim: 0 dim: 1 dim: 2 dim: 2 }", "shape { dim: 2 dim: 1 dim: 0 dim: 2 }",
                                   "num: 2 channels: 0 height: 2 width: 2"])  # fmt: skip
def test_dummy_data_without_values_is_refused(filler, shape, tmp_path):
    filled = f'dummy_data_param {{ {shape} data_filler {{ type: "{filler}" }} }}'
    (tmp_path / "net.prototxt").write_text(f'layer {{ name: "it" type: "DummyData" top: "x" {filled} }}')
    with pytest.raises(caffe.CaffeError, match=r"layer 'it' .*the blob of shape \(.*0.*\) is empty"):
        caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN).forward()


@pytest.mark.parametrize("nothing", ["batch_size", "channels", "height", "width"])
def test_memory_data_without_values_is_refused(nothing, tmp_path):
    sizes = dict(batch_size=2, channels=1, height=2, width=2)

    def net(**sizes):
        text = " ".join(f"{name}: {n}" for name, n in sizes.items())
        layer = f'layer {{ name: "it" type: "MemoryData" top: "x" top: "y" memory_data_param {{ {text} }} }}'
        (tmp_path / "net.prototxt").write_text(layer)
        return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)

    with pytest.raises(caffe.CaffeError, match="layer 'it' .*of 1 or more"):
        net(**{**sizes, nothing: 0})
    empty = np.zeros((0, 1, 2, 2), np.float32), np.zeros((0, 1, 1, 1), np.float32)
    for give in (net(**sizes).set_input_arrays, net(**sizes).layers[0].reset):
        with pytest.raises(caffe.CaffeError, match="layer 'it' .*has 0 items"):
            give(*empty)
    with pytest.raises(caffe.CaffeError, match="layer 'it' .*has 0 items"):
        net(**sizes).layers[0].add_datum_vector([])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", sorted(set(REGISTRY) - _FILES - {"Python"}))
def test_no_values_are_computed_or_refused_with_the_layers_name(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forms = _forms(kind)
    assert forms, "no net for this type: add one to _MORE"
    tried = 0
    for form in forms:
        for shapes in _emptied(dict(form.shapes if isinstance(form, Form) else form.bottoms)):
            try:
                _run(form, shapes, tmp_path)
            except caffe.CaffeError as error:
                assert "layer '" in str(error), (form, shapes)
            tried += 1
    assert tried
