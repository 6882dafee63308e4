"""The four committed nets at full width, 224 pixels and 830 outputs: every blob named here and every gradient.

Only the Data layers' files and batch size are replaced (see generated.committed). The TEST phase decides everything by
the weights: central crops, no mirrors, no dropout.
"""

from __future__ import annotations

import generated
import pytest
from deviations import Table
from pair import Pair

from caffe_torch.net import phase_rules
from caffe_torch.proto import caffe_pb2
from multiweight.nets import prototxt_text
from multiweight.paper.methods import METHODS

BATCH = 2
TRUNK = ("data", "label", "conv1", "norm1", "conv2", "pool2", "conv5", "pool5", "fc6", "fc7")
COLUMNS = {"top": "forward", "param_diff": "gradient"}


@pytest.fixture(scope="module")
def full_size(pair: Pair) -> str:
    generated.write_pair(pair.files, "full", BATCH, 256, 830)
    return "full"


@pytest.mark.parametrize("method", METHODS)
def test_committed_net(method: str, full_size: str, pair: Pair, table: Table) -> None:
    net = generated.committed(method, full_size, BATCH)
    net.state.CopyFrom(caffe_pb2.NetState(phase=caffe_pb2.TEST))
    filtered = phase_rules.filter_net(net)
    heads = [
        top for layer in filtered.layer if layer.name.startswith("fc8") or "oss" in layer.type for top in layer.top
    ]
    tops = [*TRUNK, *dict.fromkeys(heads), *(layer.top[0] for layer in filtered.layer if layer.type == "Python")]
    net.ClearField("state")
    job = dict(
        kind="net", name=method, prototxt=prototxt_text.render(net), fills=generated.fills(net), inputs=[],
        tops=list(dict.fromkeys(tops)), loss=True, backward=True, phase="TEST", forwards=1, seed=1, gradients=[],
        parameters=False,
    )  # fmt: skip
    results = pair.run([job])
    theirs, ours = results["original"][method].values(), results["torch"][method].values()
    assert len([name for name in theirs if name.startswith("param_diff/")]) >= 16
    assert all(theirs[name].any() for name in theirs)
    table.compare("The nets of prototxt/", method, method, ours, theirs, COLUMNS)
