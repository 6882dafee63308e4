"""Layers of forks one by one against their published definitions in NumPy, on drawn inputs and weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from defined_cases import DEFINED, Defined
from deviations import Table
from judges import draw_weights, input_net, named

import caffe_torch as caffe

SECTION = "Layers of forks, judged by their definitions in NumPy"
TOLERANCE = 1e-5


@pytest.mark.parametrize("defined", DEFINED, ids=lambda defined: defined.case.name)
def test_a_layer_is_its_definition(defined: Defined, tmp_path: Path, fork_table: Table) -> None:
    case = defined.case
    inputs = named(case.inputs)
    path = tmp_path / "net.prototxt"
    path.write_text(input_net(case.layers, inputs))
    net = caffe.Net(str(path), caffe.TRAIN if defined.train else caffe.TEST)
    draw_weights(net)
    weights = [blob.data.copy() for blob in net.params.get("it", ())]
    net.forward(None, None, None, **inputs)
    ours, expected = net.blobs["it"].data, np.asarray(defined.expected(weights))
    assert np.abs(expected).max() > 0
    fork_table.compare(SECTION, case.type, case.name, {"it": ours}, {"it": expected}, {"it": "forward"}, TOLERANCE)
