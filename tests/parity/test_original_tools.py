"""The programs beside the caffe command, ours and the original's, on the same files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import files
import numpy as np
import pytest
import unchecked
from both_programs import both, ours, theirs
from deviations import Table
from workshop import Workshop

from caffe_torch.files.database import open_source
from caffe_torch.proto import caffe_pb2

COLUMNS = {"data": "values"}
SECTION = "The original's programs"
#: Some are missing, one has no label, one a space in its name, and one is no image.
LIST = """0.png 3
1.jpg 12
absent.png 1
with space.png -2
2.jpeg
list.txt 4
3.png 7
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with Workshop() as workshop:
        random = np.random.default_rng(9)
        images = workshop.path / "images"
        images.mkdir()
        for name in ("0.png", "1.jpg", "with space.png", "2.jpeg", "3.png"):
            size = (24, 30) if name != "3.png" else (19, 23)
            pixels = cv2.resize(random.integers(0, 256, (5, 6, 3)).astype(np.uint8), size[::-1])
            cv2.imwrite(str(images / name), pixels)
        (images / "list.txt").write_text(LIST)
        (workshop.path / "databases").mkdir()
        files.write(workshop.path / "databases")
        (workshop.path / "one_size.txt").write_text("0.png 3\n1.jpg 12\nwith space.png 1\n")
        yield workshop


def records(path: Path) -> list[tuple[bytes, Any]]:
    return [(key, caffe_pb2.Datum.FromString(value)) for key, value in open_source(str(path)).once()]


# --- convert_imageset ---

CONVERSIONS = {
    "plain": [],
    "gray": ["-gray"],
    "resized": ["--resize_height=17", "--resize_width", "20"],
    "one side alone": ["--resize_height=17", "--encoded"],
    "encoded": ["--encoded=true"],
    "as png": ["--encode_type=png"],
    "as jpg": ["--encoded", "--encode_type", "jpg"],
    "gray files": ["--gray", "--encoded"],
    "not gray": ["--gray", "--nogray", "--shuffle=false"],
    "leveldb": ["--backend=leveldb"],
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_convert_imageset(name: str, shop: Workshop, table: Table) -> None:
    if name == "leveldb":
        unchecked.package("plyvel", "the tools' LevelDBs beside the original's")
    out = f"OUT_{name.replace(' ', '_')}"
    here, there = both(shop, "convert_imageset", *CONVERSIONS[name], "images/", "images/list.txt", out)
    assert here.status == there.status == 0, (here, there)
    for line in ("A total of 7 images.", "Could not open or find file images/absent.png", "Processed 5 files."):
        assert line in here.lines and line in there.lines
    mine, other = (records(shop.path / out.replace("OUT", side)) for side in ("ours", "theirs"))
    assert [key for key, _ in mine] == [key for key, _ in other]
    assert [key for key, _ in mine][2:4] == [b"00000003_with space.png", b"00000004_2.jpeg"]
    for (key, a), (_, b) in zip(mine, other):
        assert a.label == b.label and a.encoded == b.encoded and a.HasField("encoded")
        if a.encoded and a.data != b.data:
            # Written anew, by another release of the encoder: the same pixels where the kind keeps them.
            pixels = [cv2.imdecode(np.frombuffer(d.data, np.uint8), cv2.IMREAD_UNCHANGED) for d in (a, b)]
            assert pixels[0] is not None and pixels[1] is not None and pixels[0].shape == pixels[1].shape
            far = np.abs(pixels[0].astype(int) - pixels[1]).max()
            assert far <= (0 if name == "as png" else 3), key
        elif name == "resized":
            x, y = (np.frombuffer(d.data, np.uint8).astype(float) for d in (a, b))
            assert (a.channels, a.height, a.width) == (3, 17, 20) and np.abs(x - y).max() <= 1
        else:
            assert a == b, key
            table.add(SECTION, "convert_imageset", "values", f"{name}/{key!r}", 0.0)


def test_convert_imageset_shuffles_and_checks_sizes(shop: Workshop) -> None:
    here, _ = both(shop, "convert_imageset", "--shuffle", "images/", "images/list.txt", "OUT_shuffled")
    assert "Shuffling data" in here.lines
    for side in ("ours", "theirs"):
        result = records(shop.path / f"{side}_shuffled")
        assert sorted(key[9:] for key, _ in result) == sorted(
            [b"0.png", b"1.jpg", b"2.jpeg", b"3.png", b"with space.png"]
        )
    here, there = both(shop, "convert_imageset", "--check_size", "images/", "images/list.txt", "OUT_unequal")
    assert there.status and any("Incorrect data field size" in line for line in there.lines)
    assert here.status == 1 and here.lines[-1].startswith("error: images/3.png: has 1311 values, but images/0.png has")
    assert not (shop.path / "ours_unequal").exists()
    here, there = both(shop, "convert_imageset", "--check_size", "images/", "one_size.txt", "OUT_equal")
    assert here.status == there.status == 0
    assert records(shop.path / "ours_equal") == records(shop.path / "theirs_equal")


def test_sizes_of_files_are_those_of_their_pixels(shop: Workshop) -> None:
    """The original compares the bytes of the second file with the pixels of the first, none."""
    words = ("--check_size", "--encoded", "images/", "one_size.txt", "OUT_checked")
    here, there = both(shop, "convert_imageset", *words)
    assert there.status and any("Incorrect data field size" in line for line in there.lines)
    assert here.status == 0 and len(records(shop.path / "ours_checked")) == 3


def test_convert_imageset_refuses(shop: Workshop) -> None:
    for args in ((), ("images/", "images/list.txt"), ("images/", "one_size.txt", "images"),
                 ("--backend=h5", "images/", "one_size.txt", "OUT_h5")):  # fmt: skip
        here, there = both(shop, "convert_imageset", *args)
        assert here.status == 1 and there.status, args


# --- compute_image_mean ---


@pytest.mark.parametrize("kind", ["raw_lmdb", "float_lmdb", "jpg_lmdb", "png_lmdb", "gray_lmdb", "level"])
def test_compute_image_mean(kind: str, shop: Workshop, table: Table) -> None:
    flags = []
    if kind == "level":
        unchecked.package("plyvel", "the tools' LevelDBs beside the original's")
        theirs(shop, "convert_imageset", "--backend=leveldb", "images/", "one_size.txt", "databases/level")
        flags = ["--backend=leveldb"]
    here, there = both(shop, "compute_image_mean", *flags, f"databases/{kind}", f"OUT_{kind}.binaryproto")
    assert here.status == there.status == 0, (here, there)
    mine, other = ((shop.path / f"{side}_{kind}.binaryproto").read_bytes() for side in ("ours", "theirs"))
    channel_lines = [[line for line in output.lines if "channel" in line] for output in (here, there)]
    if kind == "jpg_lmdb":  # pixels of another release's decoder
        a, b = (np.array(caffe_pb2.BlobProto.FromString(data).data) for data in (mine, other))
        table.compare(SECTION, "compute_image_mean", kind, {"data": a}, {"data": b}, COLUMNS, 1e-2)
        assert len(channel_lines[0]) == len(channel_lines[1]) == 4
    else:
        assert mine == other
        assert (
            channel_lines[0] == channel_lines[1]
            and len(channel_lines[0]) == caffe_pb2.BlobProto.FromString(mine).channels + 1
        )
        table.add(SECTION, "compute_image_mean", "values", kind, 0.0)


# --- extract_features ---

NET = """
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { scale: 0.01 }
        data_param { source: "databases/raw_lmdb" batch_size: 5 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 6 } }
"""


@pytest.fixture(scope="module")
def trained(shop: Workshop) -> None:
    """net.prototxt and w.caffemodel in the folder."""
    (shop.path / "net.prototxt").write_text(NET)
    random = np.random.default_rng(1)
    net = caffe_pb2.NetParameter()
    for layer, shapes in {"conv": [(4, 3, 3, 3), (4,)], "fc": [(6, 168), (6,)]}.items():
        added = net.layer.add(name=layer, type="X")
        for shape in shapes:
            blob = added.blobs.add(data=random.standard_normal(shape).astype(np.float32).ravel().tolist())
            blob.shape.dim.extend(shape)
    (shop.path / "w.caffemodel").write_bytes(net.SerializeToString())


def test_extract_features(trained: None, shop: Workshop, table: Table) -> None:
    """Three batches of five from twelve records, two blobs in one pass."""
    words = ("w.caffemodel", "net.prototxt", "conv,fc", "OUT_conv,OUT_fc", "3", "lmdb", "CPU")
    here, there = both(shop, "extract_features", *words)
    assert here.status == there.status == 0, (here, there)
    last_lines = [f"Extracted features of 15 query images for feature blob {blob}" for blob in ("conv", "fc")]
    last_lines.append("Successfully extracted the features!")
    assert here.lines[-3:] == there.lines[-3:] == last_lines
    for blob, shape in (("conv", (4, 7, 6)), ("fc", (6, 1, 1))):
        mine, other = (records(shop.path / f"{side}_{blob}") for side in ("ours", "theirs"))
        assert [key for key, _ in mine] == [key for key, _ in other] == [b"%010d" % i for i in range(15)]
        for (key, a), (_, b) in zip(mine, other):
            assert (a.channels, a.height, a.width) == (b.channels, b.height, b.width) == shape
            assert a.HasField("label") == b.HasField("label") and not a.data
            mine_values, other_values = ({"data": np.array(datum.float_data)} for datum in (a, b))
            table.compare(SECTION, "extract_features", f"{blob}/{key!r}", mine_values, other_values, COLUMNS, 1e-5)


@pytest.mark.parametrize("change, words", [
    ({2: "nothing"}, "has no blob 'nothing'; it has data, label, conv, fc"),
    ({2: "conv,fc"}, "2 blob(s)"),
    ({4: "many"}, "number of batches"),
    ({5: "h5"}, "unknown kind of database 'h5'"),
    ({0: "absent.caffemodel"}, "absent.caffemodel"),
])  # fmt: skip
def test_extract_features_refuses(change: dict[int, str], words: str, trained: None, shop: Workshop) -> None:
    good = ("w.caffemodel", "net.prototxt", "fc", "ours_refused", "1", "lmdb")
    refused = ours(shop, "extract_features", *(change.get(i, word) for i, word in enumerate(good)))
    assert refused.status == 1 and refused.lines[-1].startswith("error: ") and words in refused.lines[-1]
    assert not (shop.path / "ours_refused").exists()
