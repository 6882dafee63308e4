"""HDF5Data's memory: one float32 array of a dataset, whatever the dataset's type and layout."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import unchecked

import caffe_torch as caffe
from caffe_torch.files import hdf5

REPOSITORY = Path(__file__).resolve().parents[4]
SIZE = 80_000_000
SCRIPT = r"""
import re, sys
import caffe_torch as caffe
def peak():  # of this program alone: ru_maxrss would begin at what the process that started it had
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) << 10
caffe.Net(sys.argv[1], caffe.TEST).forward()
before = peak()
net = caffe.Net(sys.argv[2], caffe.TEST)
for _ in range(8):
    net.forward()
print(peak() - before)
"""


def net(folder, name, files):
    (folder / f"{name}.txt").write_text("\n".join(str(file) for file in files))
    path = folder / f"{name}.prototxt"
    path.write_text(
        f"""layer {{ name: "d" type: "HDF5Data" top: "x"
        hdf5_data_param {{ source: "{folder}/{name}.txt" batch_size: 3 }} }}"""
    )
    return path


@unchecked.unless(sys.platform.startswith("linux"), "HDF5Data's memory", "/proc/self/status is there on Linux alone")
@pytest.mark.parametrize("kind, count, files", [("<i4", 20, 1), ("<f8", 20, 1), (">f4", 20, 1), ("<f4", 20, 2)])
def test_one_array_of_a_sparse_dataset(tmp_path, kind, count, files):
    """Eight batches, 24 rows, of files of 20 rows and 80 MB as float32, beyond what a small file takes."""
    paths = [tmp_path / f"{i}.h5" for i in range(files)]
    for path in paths:
        with h5py.File(path, "w") as store:
            store.create_dataset("x", (count, SIZE // 4 // count), kind)
    with h5py.File(tmp_path / "small.h5", "w") as store:
        store.create_dataset("x", (count, 1), kind)
    nets = [net(tmp_path, "small", [tmp_path / "small.h5"]), net(tmp_path, "large", paths)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, nets)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    batch = 3 * SIZE // count
    assert SIZE < int(done.stdout) < SIZE * 1.5 + batch * 2


@pytest.mark.parametrize("chunks", [None, (1, 7, 5), (3, 2, 11), (5, 13, 11)])
@pytest.mark.parametrize("kind", ["<f4", ">f8", "i2", "u1"])
def test_pieces_make_up_the_array(tmp_path, monkeypatch, chunks, kind):
    monkeypatch.setattr(hdf5, "_PIECE", 30)
    expected = np.arange(5 * 13 * 11).reshape(5, 13, 11) % 100
    with h5py.File(tmp_path / "x.h5", "w") as store:
        store.create_dataset("x", data=expected.astype(kind), chunks=chunks)
        store["number"], store["none"] = 3.5, np.zeros((0, 4))
        found = hdf5.values("x.h5", store["x"])
        assert found.dtype == np.float32 and hdf5.values("x.h5", store["number"]) == 3.5
        assert hdf5.values("x.h5", store["none"]).shape == (0, 4)
    np.testing.assert_array_equal(found, expected)


def test_rows_of_one_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("a.h5", "w") as file:
        file["label"] = np.arange(6.0)
    (tmp_path / "list.txt").write_text("a.h5\n")
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "d" type: "HDF5Data" top: "label" hdf5_data_param { source: "list.txt" batch_size: 4 } }'
    )
    net = caffe.Net("net.prototxt", caffe.TEST)
    assert net.forward()["label"].tolist() == [0, 1, 2, 3]
    assert net.forward()["label"].tolist() == [4, 5, 0, 1]
