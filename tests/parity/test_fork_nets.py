"""Nets in the forms of published ones of Caffe's forks, from fork_nets/, against OpenCV 4 and definitions in NumPy.

In reduced width here; MULTIWEIGHT_FULL_SIZE_NETS=1 (`make fork-nets`) runs them in full size, which takes some minutes
and 8 GB of memory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cut_nets
import numpy as np
import pytest
from deviations import Table
from fork_cases import normal
from fork_nets import NETS
from judges import OpenCV, detections, draw_weights, input_net, settle

import caffe_torch as caffe

FULL = os.environ.get("MULTIWEIGHT_FULL_SIZE_NETS", "0") not in ("", "0")
SECTION = f"Nets in the forms of forks' nets, in {'full size' if FULL else 'reduced width'}"
#: A full-size net's fully connected layers add up 25,088 products, in another order than OpenCV's.
TOLERANCE = 2e-5 if FULL else 1e-5
#: Layers whose top is a list of boxes.
LISTS = ("DetectionOutput", "Proposal", "YoloDetectionOutput")


def _run(name: str, folder: Path) -> tuple[Any, cut_nets.Cut]:
    """The net with drawn weights, run on a drawn image, and what of it OpenCV is to judge."""
    spec = NETS[name]
    inputs = {"data": normal(1, 3, *(spec.size if FULL else spec.small_size))}
    layers = spec.write(**({} if FULL else spec.small))
    if '"im_info"' in layers:
        inputs["im_info"] = np.array([[*inputs["data"].shape[2:], 1]], np.float32)
    path = folder / "whole.prototxt"
    path.write_text(input_net(layers, inputs))
    net = caffe.Net(str(path), caffe.TEST)
    draw_weights(net)
    settle(net, inputs, spec.magnitudes)
    net.forward(None, None, None, **inputs)
    return net, cut_nets.cut(net, layers, inputs)


@pytest.mark.parametrize("name", NETS)
def test_a_net_agrees(name: str, opencv4: Path, tmp_path: Path, fork_table: Table) -> None:
    net, cut_net = _run(name, tmp_path)
    cut_nets.write(cut_net, tmp_path, "net")
    opencv = OpenCV(opencv4, tmp_path)
    opencv.run()
    theirs = opencv.outputs("net")
    height, width = net.blobs["data"].shape[2:]
    row = f"{name}, {height} x {width}, {len(net.layers)} layers"
    assert set(theirs) == set(cut_net.ends)
    types = {layer: net.layer_dict[layer].type for layer in cut_net.ends if layer in net.layer_dict}
    for layer, blob in cut_net.ends.items():
        ours, result = net.blobs[blob].data, theirs[layer]
        if types.get(layer) in LISTS:
            ours, result = detections(ours), detections(result)
            assert len(ours) > 3
        else:
            assert ours.std() > 0.1 * np.abs(ours).mean(), f"{blob} is nearly the same everywhere"
            result = result.reshape(ours.shape)
        _compare(fork_table, row, "OpenCV 4", f"{name} {layer}", ours, result)
    for layer, (ours, expected) in cut_nets.defined(net).items():
        if net.layer_dict[layer].type in LISTS:
            assert ours.shape == expected.shape and len(ours.reshape(-1, ours.shape[-1])) > 3, (layer, ours.shape)
        _compare(fork_table, row, "NumPy", f"{name} {layer}", ours, expected)


def _compare(table: Table, row: str, judge: str, case: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    table.compare(SECTION, row, case, {"it": ours}, {"it": theirs}, {"it": judge}, TOLERANCE)
