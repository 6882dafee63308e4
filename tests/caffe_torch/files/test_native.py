"""Paths that are no UTF-8, in every file that names one; byte order marks; lists as people write them."""

import os

import cv2
import h5py
import lmdb
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.layers.sources.image_data import read_single_label_list
from caffe_torch.proto import caffe_pb2

GBK = "数据".encode("gbk")
LATIN = "Größe".encode("latin-1")


def write(path: bytes, text: str | bytes) -> None:
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


@pytest.fixture(params=[GBK, LATIN], ids=["gbk", "latin-1"])
def folder(request, tmp_path, monkeypatch):
    """(a folder to work in, the name of a folder in it that is no UTF-8)."""
    monkeypatch.chdir(tmp_path)
    os.mkdir(request.param)
    return request.param


def net(text: bytes, name: str = "net.prototxt"):
    write(name.encode(), text)
    return caffe.Net(name, caffe.TRAIN)


def test_databases_and_means(folder):
    with lmdb.open(folder + b"/db", map_size=1 << 20) as store, store.begin(write=True) as writer:
        datum = caffe_pb2.Datum(channels=1, height=1, width=2, data=b"\x03\x04", label=5)
        writer.put(b"0", datum.SerializeToString())
    mean = caffe.io.array_to_blobproto(np.ones((1, 1, 1, 2)))
    write(folder + b"/mean.binaryproto", mean.SerializeToString())
    n = net(
        b'layer { name: "d" type: "Data" top: "x" data_param { source: "%s/db" backend: LMDB batch_size: 1 }\n'
        b'transform_param { mean_file: "%s/mean.binaryproto" } } # %s' % (folder, folder, folder)
    )
    n.forward()
    assert n.blobs["x"].data.ravel().tolist() == [2, 3]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lists_of_images_and_hdf5_files(folder, mark):
    write(folder + b"/a.png", cv2.imencode(".png", np.full((2, 2, 3), 7, np.uint8))[1].tobytes())
    write(folder + b"/list.txt", mark + b"%s/a.png 4\r\n" % folder)
    n = net(
        b'layer { name: "d" type: "ImageData" top: "x" top: "l" '
        b'image_data_param { source: "%s/list.txt" root_folder: "./" batch_size: 1 } }' % folder
    )
    n.forward()
    assert n.blobs["l"].data.tolist() == [4] and (n.blobs["x"].data == 7).all()
    with h5py.File(folder + b"/a.h5", "w") as store:
        store["x"] = np.full((1, 2), 9)
    write(folder + b"/files.txt", mark + folder + b"/a.h5\n")
    n = net(
        b'layer { name: "d" type: "HDF5Data" top: "x" hdf5_data_param { source: "%s/files.txt" batch_size: 1 } }'
        b'layer { name: "o" type: "HDF5Output" bottom: "x" bottom: "x" hdf5_output_param { file_name: "%s/o.h5" } }'
        % (folder, folder)
    )
    n.forward()
    assert n.blobs["x"].data.tolist() == [[9, 9]] and os.path.exists(folder + b"/o.h5")


NET = b"""layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 1
  weight_filler { type: "xavier" } } }
layer { name: "t" type: "Reduction" bottom: "y" top: "t" loss_weight: 1 }"""


@pytest.mark.parametrize("kind", ["BINARYPROTO", "HDF5"])
def test_a_solver_its_net_and_its_snapshots(folder, kind):
    write(folder + b"/net.prototxt", NET)
    text = b'net: "%s/net.prototxt" base_lr: 0.1 lr_policy: "fixed" snapshot_prefix: "%s/s" snapshot_format: %s'
    write(folder + b"/solver.prototxt", text % (folder, folder, kind.encode()))
    solver = caffe.get_solver(folder + b"/solver.prototxt")
    solver.step(2)
    solver.snapshot()
    end = b".h5" if kind == "HDF5" else b""
    assert os.path.exists(folder + b"/s_iter_2.caffemodel" + end)
    again = caffe.get_solver(os.fsdecode(folder + b"/solver.prototxt"))
    again.restore(folder + b"/s_iter_2.solverstate" + end)
    assert again.iter == 2
    for i in range(2):
        np.testing.assert_array_equal(again.net.params["fc"][i].data, solver.net.params["fc"][i].data)
    weights = text + b' weights: "%s/s_iter_2.caffemodel%s"'
    write(folder + b"/more.prototxt", weights % (folder, folder, kind.encode(), folder, end))
    tuned = caffe.get_solver(folder + b"/more.prototxt")
    np.testing.assert_array_equal(tuned.net.params["fc"][0].data, solver.net.params["fc"][0].data)


def octal(name: bytes) -> bytes:
    """As C++'s protobuf prints bytes above 127."""
    return b"".join(b"\\%o" % byte if byte > 127 else bytes([byte]) for byte in name)


def hexadecimal(name: bytes) -> bytes:
    return b"".join(b"\\x%x" % byte if byte > 127 else bytes([byte]) for byte in name)


@pytest.mark.parametrize("escaped", [octal, hexadecimal])
def test_a_path_may_be_escaped_as_protobuf_prints_it(folder, escaped):
    write(folder + b"/a.png", cv2.imencode(".png", np.full((2, 2, 3), 7, np.uint8))[1].tobytes())
    write(folder + b"/list.txt", b"a.png 4\n")
    n = net(
        b'layer { name: "d\\tx" type: "ImageData" top: "x" top: "\\\\351\\303\\251" '
        b"image_data_param { source: '%s/list.txt' root_folder: \"%s/\" batch_size: 1 } }"
        % (escaped(folder), escaped(folder[:1]) + escaped(folder[1:]))
    )
    n.forward()
    assert n.blobs["x"].data.ravel().tolist() == [7] * 12
    assert list(n._layer_names) == ["d\tx"] and n.blobs["\\351é"].data.tolist() == [4]


@pytest.mark.parametrize("spelling", [bytes, octal])
def test_a_name_that_is_no_path_is_still_an_error_that_names_its_field(folder, spelling):
    with pytest.raises(CaffeError, match="net.prototxt: name is no UTF-8"):
        net(b'layer { name: "%s" type: "ReLU" }' % spelling(folder))


def test_what_is_missing_is_named_as_it_was_written(folder):
    with pytest.raises(CaffeError, match="is no LMDB") as caught:
        net(b'layer { name: "d" type: "Data" top: "x" data_param { source: "%s/no" batch_size: 1 } }' % folder)
    assert os.fsencode(str(caught.value)).count(folder)


@pytest.mark.parametrize("mark", ["prototxt", "solver"])
def test_a_byte_order_mark_is_read_away(tmp_path, monkeypatch, mark):
    monkeypatch.chdir(tmp_path)
    write(b"net.prototxt", b"\xef\xbb\xbf" + NET)
    write(b"solver.prototxt", b'\xef\xbb\xbfnet: "net.prototxt" base_lr: 1 lr_policy: "fixed"')
    assert caffe.Net("net.prototxt", caffe.TEST).inputs == []
    caffe.get_solver("solver.prototxt")


@pytest.mark.parametrize("line", ["a.jpg\t3", "a.jpg,3", "a.jpg, 3", "a.jpg ,3", "a.jpg\t 3", "a b.jpg;3"])
def test_a_tab_or_comma_before_the_label_is_named_with_the_line_to_write(tmp_path, line):
    (tmp_path / "l.txt").write_text(f"first.jpg 1\n{line}\n")
    with pytest.raises(CaffeError, match=r"l.txt:2: .* separated by a space, found .*write '(a|a b).jpg 3'"):
        read_single_label_list(str(tmp_path / "l.txt"))


@pytest.mark.parametrize("line", [" a.jpg 3", "a.jpg  3", "\ta.jpg 3", "  a.jpg   3"])
def test_a_space_too_many_is_named_with_the_line_to_write(tmp_path, line):
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "l.txt").write_text(f"a.jpg 1\n{line}\n")
    with pytest.raises(CaffeError, match=r"l.txt:2: .* every space but the one before the label .*write 'a.jpg 3'"):
        read_single_label_list(str(tmp_path / "l.txt"), f"{tmp_path}/")
    (tmp_path / line.rpartition(" ")[0]).write_bytes(b"")
    assert read_single_label_list(str(tmp_path / "l.txt"), f"{tmp_path}/")[1] == (line.rpartition(" ")[0], 3)


@pytest.mark.parametrize("label", ["1.5", "x", "99999999999", "1_0", "٣"])
def test_a_label_that_is_no_whole_number_of_32_bits(tmp_path, label):
    (tmp_path / "l.txt").write_text(f"a.jpg {label}\n")
    with pytest.raises(CaffeError, match="l.txt:1: expected an image and its whole-number label"):
        read_single_label_list(str(tmp_path / "l.txt"))


def test_a_name_that_has_a_comma_is_a_name(tmp_path):
    (tmp_path / "x,5").write_bytes(b"")
    (tmp_path / "l.txt").write_text("x,5\na,b.jpg 2\n")
    assert read_single_label_list(str(tmp_path / "l.txt"), f"{tmp_path}/") == [("x,5", 0), ("a,b.jpg", 2)]


def test_an_hdf5_file_in_the_place_of_its_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.h5", "w") as store:
        store["x"] = np.ones((2, 2))
    with pytest.raises(
        CaffeError, match="a.h5: the list of HDF5 files cannot be read: it is an HDF5 file; give a text"
    ):
        net(b'layer { name: "d" type: "HDF5Data" top: "x" hdf5_data_param { source: "a.h5" batch_size: 1 } }')
