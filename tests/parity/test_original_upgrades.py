"""The upgrade programs, ours and the original's, on the same old files."""

from __future__ import annotations

from collections.abc import Iterator

import old_nets
import pytest
from both_programs import both
from workshop import Workshop

from caffe_torch.proto import caffe_pb2


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with Workshop() as workshop:
        yield workshop


NEW_NET = """name: "n \\303\\251" layer { name: "a" type: "ReLU" relu_param { negative_slope: 1e-05 } }
layer { name: "b" type: "Power" power_param { power: 3 scale: 104.00699 shift: -12345678 } }
layer { name: "c" type: "Eltwise" eltwise_param { coeff: 3000000 coeff: 0.1 coeff: 0.00390625 coeff: 0.333333343 } }
"""


NEW_SOLVER = 'type: "Adam" base_lr: 0.1 momentum: 0.9 gamma: 0.00001 max_iter: 3000000 clip_gradients: 16777216'


UPGRADES = {
    "v0": ("upgrade_net_proto_text", old_nets.V0_LENET),
    "v0_others": ("upgrade_net_proto_text", old_nets.V0_OTHERS),
    "v1": ("upgrade_net_proto_text", old_nets.V1_CAFFENET),
    "new": ("upgrade_net_proto_text", NEW_NET),
    "solver": ("upgrade_solver_proto_text", old_nets.SOLVERS[0]),
    "new_solver": ("upgrade_solver_proto_text", NEW_SOLVER),
}


@pytest.mark.parametrize("name", UPGRADES)
def test_upgrades_of_text(name: str, shop: Workshop) -> None:
    """The same bytes, and the same word where nothing was old."""
    program, text = UPGRADES[name]
    (shop.path / f"{name}.prototxt").write_text(text)
    here, there = both(shop, program, f"{name}.prototxt", f"OUT_{name}.prototxt")
    assert here.status == there.status == 0, (here, there)
    assert (shop.path / f"ours_{name}.prototxt").read_text() == (shop.path / f"theirs_{name}.prototxt").read_text()
    unchanged = f"File already in latest proto format: {name}.prototxt"
    assert (unchanged in here.lines) == (unchanged in there.lines) == ("new" in name)


def test_upgrades_of_bytes(shop: Workshop) -> None:
    from google.protobuf import text_format

    net = text_format.Parse(old_nets.V1_CAFFENET, caffe_pb2.NetParameter())
    net.layers[1].blobs.add(num=1, channels=1, height=2, width=3, data=[0.5, 1, 2, 3, 4, -5])
    (shop.path / "old.caffemodel").write_bytes(net.SerializeToString())
    for old in ("old.caffemodel", "theirs_new.caffemodel"):
        here, there = both(shop, "upgrade_net_proto_binary", old, "OUT_new.caffemodel")
        assert here.status == there.status == 0, (here, there)
        assert (shop.path / "ours_new.caffemodel").read_bytes() == (shop.path / "theirs_new.caffemodel").read_bytes()


@pytest.mark.parametrize(
    "program", sorted({program for program, _ in UPGRADES.values()} | {"upgrade_net_proto_binary"})
)
def test_upgrades_refuse(program: str, shop: Workshop) -> None:
    """Status 2 for what cannot be parsed, 1 for a wrong call, and nothing is written."""
    (shop.path / "bad").write_bytes(b"\nPshort")  # a string of 80 bytes, cut short
    here, there = both(shop, program, "bad", "OUT_bad")
    assert here.status == there.status == 2 and not (shop.path / "ours_bad").exists()
    assert here.lines[-1].startswith("error: bad")
    here, there = both(shop, program, "bad")
    assert here.status == there.status == 1 and here.lines == [f"usage: {program} OLD_FILE NEW_FILE"]
