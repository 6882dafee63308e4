"""Caffe's own published nets as parity cases: each file of models/ and examples/, in each phase and stage it has.

What cannot be had is replaced, and nothing else: every data layer by Inputs of a batch of 2 (the file's crop and
channels, labels drawn from the net's classes), Dropout by its TEST form in both engines (their random masks differ),
and the batch of a deploy net's Input by 2. The files stay in a Caffe source tree, named by MULTIWEIGHT_CAFFE_SOURCE.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from caffe_torch.files import prototxt
from caffe_torch.net import phase_rules
from caffe_torch.proto import caffe_pb2

BATCH = 2
_SOURCES = ("Data", "ImageData", "HDF5Data", "WindowData", "MemoryData")
_IMAGENET = (3, 227, 227)


@dataclass(frozen=True)
class Published:
    """``path`` in the source tree; ``item`` is the shape of one input, ``classes`` how many the label has."""

    path: str
    phase: int = caffe_pb2.TEST
    item: tuple[int, ...] = ()
    classes: int = 0
    stages: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        place, file = os.path.split(self.path)
        kind = "TRAIN" if self.phase == caffe_pb2.TRAIN else "TEST"
        return "-".join([os.path.basename(place), file.removesuffix(".prototxt"), kind, *self.stages])

    def net(self, source: Path) -> Any:
        """The NetParameter of this phase with the replacements made."""
        param = prototxt.read_net(source / self.path)
        param.state.CopyFrom(phase_rules.state(self.phase, 0, self.stages))
        net = phase_rules.filter_net(param)
        layers = list(net.layer)
        del net.layer[:]
        for layer in layers:
            if layer.type in _SOURCES:
                net.layer.extend(self._inputs(layer))
                continue
            if layer.type == "Dropout":
                layer.phase = caffe_pb2.TEST
            if layer.type == "Input":
                for shape in layer.input_param.shape:
                    shape.dim[0] = min(shape.dim[0], BATCH)
            net.layer.add().CopyFrom(layer)
        if not any(layer.type.endswith("Loss") for layer in net.layer):
            net.force_backward = True
        return net

    def _inputs(self, layer: Any) -> list[Any]:
        shapes = [(BATCH, *self.item), (BATCH,)]
        layers = []
        for top, shape in zip(layer.top, shapes):
            input_layer = caffe_pb2.LayerParameter(name=f"{layer.name}_{top}", type="Input", top=[top])
            input_layer.input_param.shape.add(dim=shape)
            layers.append(input_layer)
        return layers

    def as_json(self, source: Path) -> dict[str, Any]:
        """What published_runner.py takes."""
        return {
            "name": self.name,
            "prototxt": text_format.MessageToString(self.net(source)),
            "phase": self.phase,
            "classes": self.classes,
        }


def _train_and_test(path: str, item: tuple[int, ...], classes: int) -> list[Published]:
    return [Published(path, phase, item, classes) for phase in (caffe_pb2.TRAIN, caffe_pb2.TEST)]


NETS = [
    *_train_and_test("models/bvlc_alexnet/train_val.prototxt", _IMAGENET, 1000),
    Published("models/bvlc_alexnet/deploy.prototxt"),
    *_train_and_test("models/bvlc_reference_caffenet/train_val.prototxt", _IMAGENET, 1000),
    Published("models/bvlc_reference_caffenet/deploy.prototxt"),
    *_train_and_test("models/bvlc_googlenet/train_val.prototxt", (3, 224, 224), 1000),
    Published("models/bvlc_googlenet/deploy.prototxt"),
    Published("models/bvlc_reference_rcnn_ilsvrc13/deploy.prototxt"),
    *_train_and_test("models/finetune_flickr_style/train_val.prototxt", _IMAGENET, 20),
    Published("models/finetune_flickr_style/deploy.prototxt"),
    *_train_and_test("examples/finetune_pascal_detection/pascal_finetune_trainval_test.prototxt", _IMAGENET, 21),
    Published("examples/feature_extraction/imagenet_val.prototxt", caffe_pb2.TEST, _IMAGENET, 1000),
    Published("examples/net_surgery/bvlc_caffenet_full_conv.prototxt"),
    Published("examples/net_surgery/conv.prototxt"),
    *_train_and_test("examples/mnist/lenet_train_test.prototxt", (1, 28, 28), 10),
    Published("examples/mnist/lenet.prototxt"),
    Published("examples/mnist/mnist_autoencoder.prototxt", caffe_pb2.TRAIN, (1, 28, 28)),
    Published("examples/mnist/mnist_autoencoder.prototxt", caffe_pb2.TEST, (1, 28, 28), 0, ("test-on-train",)),
    Published("examples/mnist/mnist_autoencoder.prototxt", caffe_pb2.TEST, (1, 28, 28), 0, ("test-on-test",)),
    *_train_and_test("examples/siamese/mnist_siamese_train_test.prototxt", (2, 28, 28), 2),
    Published("examples/siamese/mnist_siamese.prototxt"),
    *[
        case
        for kind in ("quick", "full", "full_sigmoid")
        for case in _train_and_test(f"examples/cifar10/cifar10_{kind}_train_test.prototxt", (3, 32, 32), 10)
    ],
    *_train_and_test("examples/cifar10/cifar10_full_sigmoid_train_test_bn.prototxt", (3, 32, 32), 10),
    Published("examples/cifar10/cifar10_quick.prototxt"),
    Published("examples/cifar10/cifar10_full.prototxt"),
    *_train_and_test("examples/hdf5_classification/train_val.prototxt", (4,), 2),
    *_train_and_test("examples/hdf5_classification/nonlinear_train_val.prototxt", (4,), 2),
    Published("examples/hdf5_classification/nonlinear_auto_train.prototxt", caffe_pb2.TRAIN, (4,), 2),
    Published("examples/hdf5_classification/nonlinear_auto_test.prototxt", caffe_pb2.TEST, (4,), 2),
]


def source() -> Path | str:
    """The Caffe source tree that MULTIWEIGHT_CAFFE_SOURCE names, or the reason why there is none."""
    checkout = os.environ.get("MULTIWEIGHT_CAFFE_SOURCE")
    if not checkout:
        return (
            "set MULTIWEIGHT_CAFFE_SOURCE to a checkout of BVLC Caffe's source to check its published nets and programs"
        )
    if not (Path(checkout) / "models/bvlc_alexnet/train_val.prototxt").exists():
        return f"MULTIWEIGHT_CAFFE_SOURCE={checkout} has no models/bvlc_alexnet/train_val.prototxt"
    return Path(checkout)
