"""Old nets, solvers and weights: upgraded here and by the original's own tools, to equal messages."""

from __future__ import annotations

import numpy as np
import old_nets
import pytest
from google.protobuf import text_format
from workshop import Workshop

from caffe_torch.files import prototxt, wire
from caffe_torch.files.upgrade import upgrade_net
from caffe_torch.proto import caffe_pb2
from caffe_torch.proto.fork_fields import forks_of

NETS = {
    "v0_lenet": old_nets.V0_LENET,
    "v0_others": old_nets.V0_OTHERS,
    "v1_caffenet": old_nets.V1_CAFFENET,
    "v1_types": old_nets.V1_TYPES
    + "\n".join(
        f'layers {{ name: "{kind.lower()}" type: {kind} bottom: "x" top: "{kind}" }}'
        for kind in caffe_pb2.V1LayerParameter.LayerType.keys()
        if not forks_of(f"V1LayerParameter.LayerType.{kind}")
    ),
    "batch_norm": old_nets.BATCH_NORM,
}


@pytest.mark.parametrize("name", NETS)
def test_a_net_as_text(name: str) -> None:
    with Workshop() as shop:
        (shop.path / "old.prototxt").write_text(NETS[name])
        shop.run("upgrade_net_proto_text", str(shop.inside / "old.prototxt"), str(shop.inside / "new.prototxt"))
        theirs = text_format.Parse((shop.path / "new.prototxt").read_text(), caffe_pb2.NetParameter())
        ours = prototxt.read_net(shop.path / "old.prototxt")
    assert len(ours.layer) >= 1 and not ours.layers
    assert text_format.MessageToString(ours) == text_format.MessageToString(theirs)


@pytest.mark.parametrize("name", ["v0_lenet", "v1_caffenet"])
def test_a_net_with_weights_as_bytes(name: str) -> None:
    """The tool's output, and the arrays that copy_from reads from the old file, are the same."""
    net = text_format.Parse(NETS[name], caffe_pb2.NetParameter())
    rng = np.random.default_rng(0)
    expected = {}
    for connection in net.layers:
        layer = connection.layer if connection.HasField("layer") else connection
        if layer.name in ("conv1", "ip1", "fc6"):
            arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((1, 1, 3, 4), (1, 1, 1, 3))]
            expected[layer.name] = arrays
            for a in arrays:
                num, channels, height, width = a.shape
                layer.blobs.add(num=num, channels=channels, height=height, width=width, data=a.ravel().tolist())
    with Workshop() as shop:
        old = shop.path / "old.caffemodel"
        old.write_bytes(net.SerializeToString())
        shop.run("upgrade_net_proto_binary", str(shop.inside / "old.caffemodel"), str(shop.inside / "new.caffemodel"))
        theirs = caffe_pb2.NetParameter.FromString((shop.path / "new.caffemodel").read_bytes())
        ours = upgrade_net(caffe_pb2.NetParameter.FromString(old.read_bytes()), "old")
        assert ours == theirs
        for file in ("old.caffemodel", "new.caffemodel"):
            result = {layer: arrays for layer, arrays in wire.read_net(shop.path / file).items() if arrays}
            assert set(result) == set(expected)
            for layer, arrays in expected.items():
                for a, b in zip(arrays, result[layer]):
                    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("text", old_nets.SOLVERS)
def test_a_solver(text: str) -> None:
    with Workshop() as shop:
        (shop.path / "old.prototxt").write_text(text)
        shop.run("upgrade_solver_proto_text", str(shop.inside / "old.prototxt"), str(shop.inside / "new.prototxt"))
        theirs = text_format.Parse((shop.path / "new.prototxt").read_text(), caffe_pb2.SolverParameter())
        ours = prototxt.read_solver(shop.path / "old.prototxt")
    assert ours.type and not ours.HasField("solver_type")
    assert ours == theirs
