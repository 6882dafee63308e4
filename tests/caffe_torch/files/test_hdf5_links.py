"""HDF5 files whose numbers lie in other files: refused in weights and states, behind a switch in HDF5Data."""

import h5py
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.files import hdf5

NET = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 2 bias_term: false } }"""


def external(store, name):
    """Numbers out of any file of the machine."""
    store.create_dataset(name, (2, 2), "<f4", external=[("secret.bin", 0, 16)])


def virtual(store, name):
    layout = h5py.VirtualLayout((2, 2), "<f4")
    layout[:] = h5py.VirtualSource("secret.h5", "d", (2, 2))
    store.create_virtual_dataset(name, layout)


def link(store, name):
    store[name] = h5py.ExternalLink("secret.h5", "d")


def link_of_a_group(store, name):
    group, _, last = name.rpartition("/")
    store[group or "g"] = h5py.ExternalLink("secret.h5", "/g")


def soft_link(store, name):
    store["elsewhere"] = np.ones((2, 2), "<f4")
    store[name] = h5py.SoftLink("/elsewhere")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.full(4, 7, "<f4").tofile("secret.bin")
    with h5py.File("secret.h5", "w") as store:
        store["d"] = store["g/0"] = store["g/x"] = np.full((2, 2), 7, "<f4")
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path


@pytest.mark.parametrize("make", [external, virtual, link, link_of_a_group, soft_link])
def test_weights_are_the_files_own(folder, make):
    with h5py.File("w.caffemodel.h5", "w") as store:
        make(store, "data/fc/0")
    net = caffe.Net("net.prototxt", caffe.TEST)
    with pytest.raises(CaffeError, match=r"w.caffemodel.h5: /data/fc.* is .*; only what the file itself holds"):
        net.copy_from("w.caffemodel.h5")
    assert not net.params["fc"][0].data.any()


@pytest.mark.parametrize("make", [external, virtual, link, soft_link])
def test_a_state_is_the_files_own(folder, make):
    with open("s.solverstate.h5", "w+b") as file:
        hdf5.write_state(file, 3, "w.caffemodel.h5", [], 1)
    with h5py.File("s.solverstate.h5", "a") as store:
        make(store, "history/0")
    with pytest.raises(CaffeError, match=r"s.solverstate.h5: /history/0 is .*; only what the file itself holds"):
        hdf5.read_state("s.solverstate.h5")


DATA = 'layer { name: "d" type: "HDF5Data" top: "%s" hdf5_data_param { source: "list.txt" batch_size: 2 } }'


@pytest.mark.parametrize("make, top", [(external, "x"), (virtual, "x"), (link, "x"), (link_of_a_group, "g/x")])
def test_hdf5_data_follows_only_where_it_is_told_to(folder, make, top, monkeypatch):
    with h5py.File("d.h5", "w") as store:
        make(store, top)
    (folder / "list.txt").write_text("d.h5\n")
    (folder / "net.prototxt").write_text(DATA % top)
    with pytest.raises(CaffeError, match=r"d.h5: .* is .*; only what the file itself holds"):
        caffe.Net("net.prototxt", caffe.TRAIN)
    monkeypatch.setenv("CAFFE_TORCH_FOLLOW_HDF5", "1")
    net = caffe.Net("net.prototxt", caffe.TRAIN)
    net.forward()
    np.testing.assert_array_equal(net.blobs[top].data, np.full((2, 2), 7))


def test_hdf5_data_may_link_within_its_file(folder):
    with h5py.File("d.h5", "w") as store:
        soft_link(store, "x")
    (folder / "list.txt").write_text("d.h5\n")
    (folder / "net.prototxt").write_text(DATA % "x")
    net = caffe.Net("net.prototxt", caffe.TRAIN)
    net.forward()
    assert net.blobs["x"].data.sum() == 4


@pytest.mark.parametrize(
    "x, y, message",
    [
        ((166, 1000000), (3,), "d.h5: dataset 'y' has 3 rows, 'x' has 166"),
        ((1000000, 1000000), (1000000,), r"d.h5: /x of shape \(1000000, 1000000\) needs 4 TB of memory, .* are free"),
    ],
)
def test_what_a_small_file_promises_is_looked_at_before_it_is_read(folder, x, y, message):
    """A dataset that was never written takes no room in its file."""
    with h5py.File("d.h5", "w") as store:
        for name, shape in (("x", x), ("y", y)):
            store.create_dataset(name, shape, "<f4", chunks=(1, *shape[1:]))
    (folder / "list.txt").write_text("d.h5\n")
    (folder / "net.prototxt").write_text(DATA.replace('top: "%s"', 'top: "x" top: "y"'))
    with pytest.raises(CaffeError, match=message):
        caffe.Net("net.prototxt", caffe.TRAIN)


def test_a_file_of_another_width_is_the_one_that_is_named(folder):
    for name, width in (("a", 2), ("b", 3)):
        with h5py.File(f"{name}.h5", "w") as store:
            store["x"] = np.ones((2, width))
    (folder / "list.txt").write_text("a.h5\nb.h5\n")
    (folder / "net.prototxt").write_text(DATA % "x")
    net = caffe.Net("net.prototxt", caffe.TRAIN)
    with pytest.raises(CaffeError, match=r"b.h5: dataset 'x' has rows of shape \(3,\), the first file's have \(2,\)"):
        net.forward()
