"""What data layers read: records, means, HDF5 files, and lists of images, HDF5 files and windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import h5py
import lmdb
import mutations
import numpy as np
from readers import Reader, register

import caffe_torch as caffe
from caffe_torch.proto import caffe_pb2

_ERRORS = (caffe.CaffeError,)


def _net(text: str) -> None:
    """One batch of a net's data layer."""
    Path("net.prototxt").write_text(text)
    caffe.Net("net.prototxt", caffe.TRAIN).forward()


def _records(folder: Path) -> Sequence[bytes]:
    image: np.ndarray = np.arange(3 * 6 * 5, dtype=np.uint8).reshape(3, 6, 5)
    encoded = cv2.imencode(".png", image.transpose(1, 2, 0))[1].tobytes()
    shape = dict(channels=3, height=6, width=5)
    return [
        caffe_pb2.Datum(**shape, data=image.tobytes(), label=2).SerializeToString(),
        caffe_pb2.Datum(**shape, float_data=image.ravel().astype(float), label=-1).SerializeToString(),
        caffe_pb2.Datum(data=encoded, encoded=True, label=1).SerializeToString(),
    ]


def _read_record(path: Path) -> None:
    with lmdb.open("record_lmdb", map_size=1 << 20) as store, store.begin(write=True) as writer:
        writer.put(b"0", path.read_bytes())
    _net(
        """layer { name: "d" type: "Data" top: "x" top: "l"
        data_param { source: "record_lmdb" backend: LMDB batch_size: 2 }
        transform_param { crop_size: 4 mirror: true scale: 0.5 mean_value: 3 } }"""
    )


def _means(folder: Path) -> Sequence[bytes]:
    with lmdb.open("mean_lmdb", map_size=1 << 20) as store, store.begin(write=True) as writer:
        writer.put(b"0", _records(folder)[0])
    mean = caffe.io.array_to_blobproto(np.ones((1, 3, 6, 5)))
    old = caffe_pb2.BlobProto(num=1, channels=3, height=6, width=5, data=np.ones(90))
    return [mean.SerializeToString(), old.SerializeToString()]


def _read_mean(path: Path) -> None:
    _net(
        f"""layer {{ name: "d" type: "Data" top: "x" data_param {{ source: "mean_lmdb" backend: LMDB batch_size: 2 }}
        transform_param {{ mean_file: "{path}" }} }}"""
    )


def _images(folder: Path) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.full((8, 9, 3), 7, np.uint8))


def _image_lists(folder: Path) -> Sequence[bytes]:
    _images(folder)
    return [b"a.png 0\nb.png 1\n", b"b.png -3\n\na.png\n", b"a.png 7\r\nb.png 2147483647\r\n"]


def _read_images(path: Path) -> None:
    _net(
        f"""layer {{ name: "d" type: "ImageData" top: "x" top: "l" transform_param {{ crop_size: 4 }}
        image_data_param {{ source: "{path}" batch_size: 3 shuffle: true new_height: 6 new_width: 5 }} }}"""
    )


def _window_files(folder: Path) -> Sequence[bytes]:
    _images(folder)
    head = "# 0 a.png 3 8 9 3\n1 0.9 0 0 7 7\n0 0.1 1 1 5 5\n2 0.6 2 0 8 7\n"
    return [head.encode(), (head + "# 1 b.png 3 8 9 1\n0 0.2 0 0 3 3\n").encode()]


def _read_windows(path: Path) -> None:
    for mode in ("warp", "square"):
        _net(
            f"""layer {{ name: "d" type: "WindowData" top: "x" top: "l" transform_param {{ crop_size: 6 mirror: true }}
            window_data_param {{ source: "{path}" batch_size: 4 fg_threshold: 0.5 bg_threshold: 0.5 fg_fraction: 0.5
              context_pad: 1 crop_mode: "{mode}" }} }}"""
        )


def _hdf5_files(folder: Path) -> Sequence[bytes]:
    result = []
    for options in ({}, {"chunks": (2, 3), "compression": "gzip"}):
        with h5py.File(folder / "example.h5", "w") as store:
            store.create_dataset("x", data=np.arange(12, dtype=np.float32).reshape(4, 3), **options)
            store["y"] = np.arange(4)
        result.append((folder / "example.h5").read_bytes())
    return result


_HDF5 = (
    """layer { name: "d" type: "HDF5Data" top: "x" top: "y" hdf5_data_param { source: "list.txt" batch_size: 3 } }"""
)


def _read_hdf5(path: Path) -> None:
    Path("list.txt").write_text(f"{path}\n")
    _net(_HDF5)


def _hdf5_lists(folder: Path) -> Sequence[bytes]:
    for number, content in enumerate(_hdf5_files(folder)):
        (folder / f"{number}.h5").write_bytes(content)
    return [b"0.h5\n1.h5\n", b"1.h5 0.h5"]


def _read_hdf5_list(path: Path) -> None:
    path.replace("list.txt")
    _net(_HDF5)


def _databases(folder: Path) -> Sequence[bytes]:
    result = []
    for count in (3, 400):
        with lmdb.open(f"example{count}_lmdb", map_size=1 << 22) as store, store.begin(write=True) as writer:
            for i in range(count):
                datum = caffe_pb2.Datum(channels=1, height=1, width=30 + i, data=bytes(30 + i), label=i)
                writer.put(b"%04d" % i, datum.SerializeToString())
        result.append((folder / f"example{count}_lmdb/data.mdb").read_bytes().rstrip(b"\0"))
    return [data + bytes(-len(data) % 4096) for data in result]


def _read_database(path: Path) -> None:
    Path("one_lmdb").mkdir(exist_ok=True)
    path.replace("one_lmdb/data.mdb")
    _net(
        """layer { name: "d" type: "Data" top: "x" data_param { source: "one_lmdb" backend: LMDB batch_size: 3 }
        transform_param { crop_size: 1 } }"""
    )


register(Reader("lmdb", ".mdb", _databases, _read_database, _ERRORS))
register(Reader("datum", ".datum", _records, _read_record, _ERRORS))
register(Reader("mean", ".binaryproto", _means, _read_mean, _ERRORS))
register(Reader("hdf5-data", ".h5", _hdf5_files, _read_hdf5, _ERRORS))
register(Reader("image-list", ".txt", _image_lists, _read_images, _ERRORS, mutations.change_text))
register(Reader("hdf5-list", ".txt", _hdf5_lists, _read_hdf5_list, _ERRORS, mutations.change_text))
register(Reader("window-file", ".txt", _window_files, _read_windows, _ERRORS, mutations.change_text))
