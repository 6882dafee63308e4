"""The rest of an SSD net in NumPy, as docs/EXPORT.md has it, after the exported model, against DetectionOutput."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from fork_cases import CASES, ForkCase, normal
from judges import draw_weights, input_net, named

import caffe_torch as caffe
from caffe_torch.cli import command

PAGE = Path(__file__).resolve().parents[2] / "docs" / "EXPORT.md"
CENTRED = [case for case in CASES if case.type == "DetectionOutput" and "CENTER_SIZE" in case.layers]


def _convolution(name: str, bottom: str, outputs: int, more: str = "") -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" convolution_param {{ '
        f"num_output: {outputs} kernel_size: 3 pad: 1 {more} }} }}\n"
    )


def ssd() -> str:
    text = _convolution("c1", "data", 8, "stride: 2") + 'layer { name: "r" type: "ReLU" bottom: "c1" top: "c1" }\n'
    text += """layer { name: "norm" type: "Normalize" bottom: "c1" top: "norm"
      norm_param { across_spatial: false channel_shared: false } }
    """
    for kind, outputs in (("loc", 16), ("conf", 12)):
        text += _convolution(kind, "norm", outputs)
        text += f"""layer {{ name: "{kind}_perm" type: "Permute" bottom: "{kind}" top: "{kind}_perm"
          permute_param {{ order: 0 order: 2 order: 3 order: 1 }} }}
        layer {{ name: "{kind}_flat" type: "Flatten" bottom: "{kind}_perm" top: "{kind}_flat" }}
        """
    return (
        text
        + """layer { name: "prior" type: "PriorBox" bottom: "norm" bottom: "data" top: "prior"
      prior_box_param { min_size: 6 max_size: 12 aspect_ratio: 2 flip: true clip: false
        variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
    layer { name: "rows" type: "Reshape" bottom: "conf_flat" top: "rows"
      reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
    layer { name: "softmax" type: "Softmax" bottom: "rows" top: "softmax" softmax_param { axis: 2 } }
    layer { name: "scores" type: "Flatten" bottom: "softmax" top: "scores" flatten_param { axis: 1 } }
    layer { name: "it" type: "DetectionOutput" bottom: "loc_flat" bottom: "scores" bottom: "prior" top: "it"
      detection_output_param { num_classes: 3 share_location: true background_label_id: 0 code_type: CENTER_SIZE
        keep_top_k: 20 confidence_threshold: 0.3 nms_param { nms_threshold: 0.45 top_k: 50 } } }
    """
    )


@pytest.fixture(scope="module")
def detections(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., np.ndarray]:
    """The function of the page's one Python block."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    path = tmp_path_factory.mktemp("page") / "ssd_boxes.py"
    path.write_text(block)
    spec = importlib.util.spec_from_file_location("ssd_boxes", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.detections


def _settings(net: Any) -> dict[str, Any]:
    param = net.layer_dict["it"].param.detection_output_param
    return {
        "classes": param.num_classes, "background": param.background_label_id, "least": param.confidence_threshold,
        "overlap": param.nms_param.nms_threshold, "top_k": param.nms_param.top_k, "keep_top_k": param.keep_top_k,
    }  # fmt: skip


def _same(detections: np.ndarray, net: Any) -> None:
    expected = net.blobs["it"].data.reshape(-1, 7)
    assert detections.shape == expected.shape and len(detections) > 3
    np.testing.assert_array_equal(detections[:, :2], expected[:, :2])
    np.testing.assert_allclose(detections, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("keep_top_k", [20, 4])
def test_a_net_in_ssd_form(
    keep_top_k: int,
    detections: Callable[..., np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As a user comes to it: the command refuses, says what to type, and the page has the rest."""
    monkeypatch.chdir(tmp_path)
    text = ssd().replace("keep_top_k: 20", f"keep_top_k: {keep_top_k}")
    Path("deploy.prototxt").write_text(input_net(text, {"data": normal(1, 3, 17, 19)}))
    net = caffe.Net("deploy.prototxt", caffe.TEST)
    draw_weights(net)
    net.save("ssd.caffemodel")
    words = ["export", "--model", "deploy.prototxt", "--weights", "ssd.caffemodel", "--output", "ssd.onnx"]
    assert command.main(words) != 0
    output = capsys.readouterr().err
    assert "layer 'it' (DetectionOutput) cannot be exported to ONNX" in output and "docs/EXPORT.md" in output
    until = re.search(r": (--until \S+)", output)
    assert until is not None and not Path("ssd.onnx").exists()
    assert command.main([*words, *until[1].split()]) == 0
    session = onnxruntime.InferenceSession("ssd.onnx")
    for batch in (1, 3):
        images = normal(batch, 3, 17, 19, seed=batch)
        net.blobs["data"].reshape(*images.shape)
        net.blobs["data"].data[...] = images
        net.forward()
        result = detections(*session.run(["loc_flat", "scores", "prior"], {"data": images}), **_settings(net))
        _same(result, net)
        assert set(result[:, 0]) == set(range(batch))
        if keep_top_k == 4:
            assert len(result) == 4 * batch
        else:
            assert set(result[:, 1]) == {1, 2}


@pytest.mark.parametrize("case", CENTRED, ids=lambda case: case.name)
def test_the_layer_alone(case: ForkCase, detections: Callable[..., np.ndarray], tmp_path: Path) -> None:
    """Boxes of one and of every class, few and strict ones, over two images."""
    inputs = named(case.inputs)
    (tmp_path / "net.prototxt").write_text(input_net(case.layers, inputs))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.forward(None, None, None, **inputs)
    _same(detections(*case.inputs, **_settings(net)), net)


def test_nothing_found_is_no_row(detections: Callable[..., np.ndarray]) -> None:
    assert detections(*CENTRED[0].inputs, classes=3, least=2.0).shape == (0, 7)
