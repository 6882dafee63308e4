"""Weight files: what is written is what the schema's own parser reads, and broken files are named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caffe_torch import CaffeError
from caffe_torch.files import whole_file, wire
from caffe_torch.proto import caffe_pb2

ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=4, max_side=5), elements=st.floats(-1e6, 1e6, width=32))


@settings(max_examples=40, deadline=None)
@given(st.lists(ARRAYS, min_size=1, max_size=3))
def test_a_caffemodel_is_what_protobuf_reads_and_reads_what_protobuf_writes(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("w") / "x.caffemodel"
    param = caffe_pb2.LayerParameter(name="l", type="Python")
    whole_file.write(path, lambda f: wire.write_net(f, "n", [wire.StoredLayer(param, arrays)]))
    net = caffe_pb2.NetParameter.FromString(path.read_bytes())
    assert net.name == "n" and net.layer[0].name == "l"
    for blob, array in zip(net.layer[0].blobs, arrays):
        assert tuple(blob.shape.dim) == array.shape
        np.testing.assert_array_equal(np.array(blob.data, np.float32).reshape(array.shape), array)
    path.write_bytes(net.SerializeToString())
    for read, array in zip(wire.read_net(path)["l"], arrays):
        np.testing.assert_array_equal(read, array)


def test_the_old_four_axis_form_is_read():
    blob = caffe_pb2.BlobProto(num=1, channels=1, height=2, width=3, data=range(6))
    assert wire.read_blob(memoryview(blob.SerializeToString()), "x").shape == (1, 1, 2, 3)


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_file_cut_short_is_named(tmp_path, cut):
    path = tmp_path / "x.caffemodel"
    param = caffe_pb2.LayerParameter(name="l")
    whole_file.write(path, lambda f: wire.write_net(f, "n", [wire.StoredLayer(param, [np.ones(20, np.float32)])]))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CaffeError, match="x.caffemodel.*cut short"):
        wire.read_net(path)


def test_a_foreign_file_is_named(tmp_path):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(b"PK\x03\x04 this is a zip file")
    with pytest.raises(CaffeError, match="x.caffemodel"):
        wire.read_net(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail(file):
        file.write(b"new")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        whole_file.write(path, fail)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
