"""Cases of the layers that read files: the files, and nets whose every batch is determined without a random draw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import lmdb
import numpy as np

from caffe_torch.proto import caffe_pb2


@dataclass(frozen=True)
class Source:
    """``net`` is layers in which {root} stands for the folder of the files; ``memory`` the shape of a net's arrays."""

    name: str
    net: str
    tops: tuple[str, ...] = ("data", "label")
    phase: str = "TEST"
    forwards: int = 3
    memory: tuple[int, ...] = ()
    #: Largest difference that may be: pixels, where resizing is another release's.
    tolerance: float = 1e-4


def write_files(root: Path, root_of_reader: Path) -> None:
    """Images (PNG, so that every decoder gives the same), lists, HDF5 files, LMDB and window file.

    ``root_of_reader`` is the name of ``root`` for the engine that reads them; it stands in lists of absolute paths.
    """
    rng = np.random.default_rng(7)
    names = []
    for i, (height, width) in enumerate([(20, 30), (20, 30), (25, 18), (20, 30), (31, 22)]):
        smooth = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), (5, 5), 0)
        names.append(f"image {i}.png" if i == 1 else f"image{i}.png")
        cv2.imwrite(str(root / names[-1]), smooth)
    (root / "same.txt").write_text("".join(f"{names[i]} {10 + i}\n" for i in (0, 1, 3)))
    (root / "all.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(names)))
    (root / "absolute.txt").write_text("".join(f"{root_of_reader}/{names[i]} {i}\n" for i in (0, 3)))
    mean = rng.uniform(90, 130, (1, 3, 20, 30)).astype(np.float32)
    blob = caffe_pb2.BlobProto(num=1, channels=3, height=20, width=30, data=mean.ravel().tolist())
    (root / "mean.binaryproto").write_bytes(blob.SerializeToString())
    square = rng.uniform(90, 130, (1, 3, 24, 24)).astype(np.float32)
    blob = caffe_pb2.BlobProto(num=1, channels=3, height=24, width=24, data=square.ravel().tolist())
    (root / "square.binaryproto").write_bytes(blob.SerializeToString())
    for i, rows in enumerate((5, 3)):
        with h5py.File(root / f"rows{i}.h5", "w") as store:
            store["data"] = rng.standard_normal((rows, 2, 3)).astype(np.float32)
            store["label"] = rng.integers(0, 9, rows)
            store["other"] = rng.standard_normal((rows, 4))
    (root / "one.txt").write_text(f"{root_of_reader}/rows0.h5\n")
    (root / "two.txt").write_text(f"{root_of_reader}/rows0.h5\n{root_of_reader}/rows1.h5\n")
    (root / "windows.txt").write_text(
        f"# 0\n{names[2]}\n3\n25\n18\n3\n2 0.8 3 4 12 15\n0 0.1 0 0 9 7\n1 0.45 2 2 8 8\n"
    )
    (root / "edges.txt").write_text(f"# 0\n{names[2]}\n3\n25\n18\n2\n5 1 0 1 17 24\n3 0.2 10 14 17 20\n")
    with lmdb.open(str(root / "lmdb"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i in range(5):
            array = rng.integers(0, 256, (3, 8, 10), dtype=np.uint8)
            datum = caffe_pb2.Datum(channels=3, height=8, width=10, data=array.tobytes(), label=i)
            writer.put(b"%08d" % i, datum.SerializeToString())
    with lmdb.open(str(root / "encoded"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i in (0, 1, 3):
            data = (root / names[i]).read_bytes()
            writer.put(b"%08d" % i, caffe_pb2.Datum(encoded=True, data=data, label=i).SerializeToString())
        # Images of another size come in batches of their own: see the case with batch_size 1.
    with lmdb.open(str(root / "sizes"), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i, name in enumerate(names):
            data = (root / name).read_bytes()
            writer.put(b"%08d" % i, caffe_pb2.Datum(encoded=True, data=data, label=i).SerializeToString())


def _layer(kind: str, settings: str, tops: str = 'top: "data" top: "label"') -> str:
    return f'layer {{ name: "source" type: "{kind}" {tops} {settings} }}'


def _windows(file: str, more: str = "", transform: str = "", fraction: float = 0.5) -> str:
    return _layer(
        "WindowData",
        f'transform_param {{ crop_size: 12 {transform} }} window_data_param {{ source: "{{root}}/{file}" '
        f'root_folder: "{{root}}/" batch_size: 4 fg_fraction: {fraction} bg_threshold: 0.3 {more} }}',
    )


def _images(list_file: str, more: str, transform: str = "") -> str:
    return _layer(
        "ImageData",
        f'transform_param {{ {transform} }} image_data_param {{ source: "{{root}}/{list_file}" '
        f'root_folder: "{{root}}/" {more} }}',
    )


SOURCES = [
    Source("images", _images("same.txt", "batch_size: 2")),
    Source("images_gray", _images("same.txt", "batch_size: 2 is_color: false", "scale: 0.5")),
    Source("images_resized", _images("all.txt", "batch_size: 3 new_height: 16 new_width: 24"), tolerance=1.0),
    Source("images_of_any_size", _images("all.txt", "batch_size: 1"), forwards=6),
    Source("images_cropped", _images("all.txt", "batch_size: 2", "crop_size: 15 mean_value: 100")),
    Source("images_mean", _images("same.txt", "batch_size: 2", 'mean_file: "{root}/mean.binaryproto" scale: 0.1')),
    Source(
        "images_absolute",
        _layer("ImageData", 'image_data_param { source: "{root}/absolute.txt" batch_size: 2 }'),
    ),
    Source("hdf5", _layer("HDF5Data", 'hdf5_data_param { source: "{root}/one.txt" batch_size: 3 }'), forwards=4),
    Source(
        "hdf5_two_files_three_tops",
        _layer(
            "HDF5Data",
            'hdf5_data_param { source: "{root}/two.txt" batch_size: 4 }',
            'top: "other" top: "label" top: "data"',
        ),
        tops=("other", "label", "data"),
        forwards=5,
    ),
    Source(
        "hdf5_output",
        _layer("HDF5Data", 'hdf5_data_param { source: "{root}/one.txt" batch_size: 3 }')
        + 'layer { name: "copy" type: "Split" bottom: "data" top: "a" top: "b" }'
        + 'layer { name: "out" type: "HDF5Output" bottom: "a" bottom: "label" '
        + 'hdf5_output_param { file_name: "{root}/written.h5" } }',
        tops=("b",),
        forwards=1,
    ),
    Source(
        "memory",
        _layer("MemoryData", "memory_data_param { batch_size: 2 channels: 3 height: 2 width: 4 }"),
        memory=(6, 3, 2, 4),
        forwards=5,
    ),
    Source("window_warp", _windows("windows.txt"), tolerance=1.0),
    Source("window_warp_context", _windows("windows.txt", "context_pad: 2"), tolerance=1.0),
    Source("window_square", _windows("windows.txt", 'crop_mode: "square" context_pad: 1'), tolerance=1.0),
    Source("window_edges", _windows("edges.txt", "context_pad: 3"), tolerance=1.0),
    Source("window_edges_square", _windows("edges.txt", 'crop_mode: "square"'), tolerance=1.0),
    Source("window_cached", _windows("windows.txt", "cache_images: true"), tolerance=1.0),
    Source("window_scale", _windows("windows.txt", "scale: 0.5", "mean_value: 100"), tolerance=0.5),
    Source(
        "window_mean",
        _windows("edges.txt", "context_pad: 2", 'mean_file: "{root}/square.binaryproto"'),
        tolerance=1.0,
    ),
    Source("window_few", _windows("windows.txt", fraction=0.3), tolerance=1.0),
    Source("data", _layer("Data", 'data_param { source: "{root}/lmdb" backend: LMDB batch_size: 2 }'), forwards=4),
    Source(
        "data_cropped",
        _layer(
            "Data",
            "transform_param { crop_size: 7 mean_value: 10 mean_value: 20 mean_value: 30 scale: 0.01 } "
            'data_param { source: "{root}/lmdb" backend: LMDB batch_size: 2 }',
        ),
    ),
    Source(
        "data_encoded",
        _layer("Data", 'data_param { source: "{root}/encoded" backend: LMDB batch_size: 2 }'),
    ),
    Source(
        "data_forced_gray",
        _layer(
            "Data",
            'transform_param { force_gray: true } data_param { source: "{root}/encoded" backend: LMDB batch_size: 3 }',
        ),
    ),
    Source(
        "data_of_any_size",
        _layer("Data", 'data_param { source: "{root}/sizes" backend: LMDB batch_size: 1 }'),
        forwards=6,
    ),
]
