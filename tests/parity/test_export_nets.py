"""Whole nets out of Caffe: the paper's four, the trunks, SqueezeNet's, and every published net of Caffe's own.

Every output, and fc7 where there is one, in onnxruntime, in OpenCV 5 (ONNX) and in OpenCV 4 (Caffe's files).
"""

from __future__ import annotations

import sys
from pathlib import Path

import exported
import numpy as np
import published
import published_runner
import pytest
import whole_nets
from deviations import TOLERANCE
from google.protobuf import text_format

import caffe_torch
from caffe_torch.proto import caffe_pb2

SECTION = "Nets"
PUBLISHED = [net for net in published.NETS if net.phase == caffe_pb2.TEST]


def _export(text: str, name: str, folder: Path, classes: int = 0) -> exported.Exported:
    (folder / f"{name}.prototxt").write_text(text)
    net = caffe_torch.Net(str(folder / f"{name}.prototxt"), caffe_torch.TEST)
    for blob in net.inputs:
        shape = net.blobs[blob].shape
        net.blobs[blob].reshape(min(shape[0], published.BATCH), *shape[1:])
    net.reshape()
    published_runner.fill(net)
    inputs = {}
    for blob in net.inputs:
        shape = net.blobs[blob].shape
        inputs[blob] = published_runner.draw(blob, shape, 1.0)
        if len(shape) == 1:
            inputs[blob] = np.random.RandomState(1).randint(0, classes, shape).astype(np.float32)
    outputs = [*net.outputs, *(["fc7"] if "fc7" in net.blobs and "fc7" not in net.outputs else [])]
    return exported.write(net, name, folder, inputs, outputs)


def _judge(net: exported.Exported, row: str, folder: Path, opencv4: Path | None) -> None:
    assert all(array.any() for array in net.values.values()), "a blob of zeros compares nothing"
    result: dict[str, dict[str, np.ndarray] | str] = {exported.COLUMNS[0]: exported.in_onnxruntime(net, folder)}
    result[exported.COLUMNS[1]] = exported.in_opencv([net], folder, "onnx", sys.executable)[net.name]
    if opencv4 is not None:
        result[exported.COLUMNS[2]] = exported.in_opencv([net], folder, "caffe", opencv4)[net.name]
    for column, values in result.items():
        assert not isinstance(values, str), f"{column}: {values}"
        worst = exported.worst_of(values, net)
        assert worst <= TOLERANCE, f"{column}: {worst:.2g}"
        exported.TABLE.add(SECTION, row, column, row, worst)


@pytest.mark.parametrize("name", whole_nets.NETS)
def test_net(name: str, tmp_path: Path, opencv4: Path) -> None:
    _judge(_export(whole_nets.text(name), "net", tmp_path), name, tmp_path, opencv4)


@pytest.mark.parametrize("net", PUBLISHED, ids=lambda net: net.name)
def test_published_net(net: published.Published, source: Path, tmp_path: Path, opencv4: Path) -> None:
    """In OpenCV where it gives scores: it has no losses and no output without axes."""
    param = net.net(source)
    scored = not any(layer.type.endswith("Loss") or layer.type == "Accuracy" for layer in param.layer)
    exported_net = _export(text_format.MessageToString(param), "net", tmp_path, net.classes)
    if scored:
        _judge(exported_net, net.name, tmp_path, opencv4)
        return
    worst = exported.worst_of(exported.in_onnxruntime(exported_net, tmp_path), exported_net)
    assert worst <= TOLERANCE
    exported.TABLE.add(SECTION, net.name, exported.COLUMNS[0], net.name, worst)
