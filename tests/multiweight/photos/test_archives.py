import io
import struct
import unicodedata
import zipfile

import cv2
import numpy as np
import pytest

from multiweight.photos.decoding import UnreadableImage
from multiweight.photos.images import ImageFolder

PHOTO = cv2.imencode(".png", np.random.RandomState(0).randint(0, 256, (30, 20, 3)).astype(np.uint8))[1].tobytes()
METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}


def packed(method, names=("a.png", "b.png"), data=PHOTO):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", METHODS[method]) as archive:
        for name in names:
            archive.writestr(name, data)
    return bytearray(file.getvalue())


@pytest.fixture
def folder(tmp_path):
    def make(data, name="a.zip"):
        (tmp_path / name).write_bytes(data)
        return ImageFolder(tmp_path)

    return make


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_member_is_a_reason_and_the_others_are_read(folder, method):
    intact = packed(method)
    start = 30 + 5
    rng = np.random.RandomState(1)
    for number in range(60):
        data = bytearray(intact)
        for at in rng.randint(start, start + 600, 8) if number else [start, start + 1, start + 2]:
            data[at] ^= 1 + rng.randint(255)
        with folder(data) as images:
            with pytest.raises(UnreadableImage):
                images.read("a.zip::a.png")
            assert images.read("a.zip::b.png").shape == (30, 20, 3)


@pytest.mark.parametrize("at", range(30))
def test_a_damaged_local_header(folder, at):
    data = packed("deflate")
    data[at] ^= 0xFF
    with folder(data) as images:
        try:
            images.read("a.zip::a.png")
        except UnreadableImage as error:
            assert str(error)
        assert images.read("a.zip::b.png").shape == (30, 20, 3)


def test_a_damaged_name(folder):
    data = packed("stored", ["\u00e9.png", "b.png"])
    data[30] = 0xFF  # in the member's own header, marked as UTF-8
    with folder(data) as images:
        with pytest.raises(UnreadableImage, match="cannot be read"):
            images.read("a.zip::\u00e9.png")
        assert images.read("a.zip::b.png").shape == (30, 20, 3)
    listed = packed("stored", ["\u00e9.png"])
    listed[listed.index("\u00e9.png".encode(), 100)] = 0xFF
    with folder(listed) as images, pytest.raises(UnreadableImage, match="the archive cannot be read"):
        images.read("a.zip::\u00e9.png")


def test_a_member_larger_than_its_header_says(folder):
    """The list says 100 bytes; deflated are ten million: no more than a piece of them is ever made."""
    data = packed("deflate", data=b"\0" * 10_000_000)
    for signature, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        at = data.index(signature)
        data[at + place : at + place + 4] = struct.pack("<I", 100)
    with folder(data) as images, pytest.raises(UnreadableImage):
        images.read("a.zip::a.png")


def test_names_of_real_machines(tmp_path):
    names = [
        "Screenshot at 3.04.05\u202fPM.png",
        "a\u00a0b.png",
        "\u5168\u3000\u89d2.png",
        "\u0645\u200c\u062e.png",
        "\u200d.png",
    ]
    for name in names:
        (tmp_path / name).write_bytes(PHOTO)
    (tmp_path / "a.zip").write_bytes(packed("stored", names))
    with ImageFolder(tmp_path) as images:
        for name in names:
            assert images.read(name).shape == images.read(f"a.zip::{name}").shape == (30, 20, 3)
        for name in ("a\x07.png", "a\u2028b.png"):
            assert "control character U+" in images.missing(name)


def test_a_missing_photo_names_the_one_that_is_meant(folder, tmp_path):
    composed = unicodedata.normalize("NFC", "caf\u00e9.png")
    apart = unicodedata.normalize("NFD", composed)
    data = packed("stored", [apart, "\u5973\u88c5.png", "X.PNG"])
    with folder(data) as images:
        (tmp_path / apart).write_bytes(PHOTO)
        (tmp_path / "b.JPG").write_bytes(PHOTO)
        assert "NFD" in images.missing(composed) and "NFD" in images.missing(f"a.zip::{composed}")
        assert "there is 'b.JPG'" in images.missing("b.jpg")
        assert "'X.PNG'" in images.missing("a.zip::x.png")
        assert images.missing("c.jpg") == "no such file" and images.missing("a.zip::c.png") == "not in a.zip"


def test_a_zip_of_chinese_windows(folder):
    name = "\u5973\u88c5.png".encode("gbk")
    data = packed("stored", ["Q" * len(name)])
    data = bytes(data).replace(b"Q" * len(name), name)
    with folder(data) as images:
        assert "GBK: unpack it, and pack it anew" in images.missing("a.zip::\u5973\u88c5.png")


@pytest.mark.parametrize("data", [b"", b"PK\5\6", b"no zip", b"PK\3\4" + bytes(100)])
def test_no_archive(folder, data):
    with folder(data) as images:
        assert "the archive cannot be read" in images.missing("a.zip::a.png")
        assert images.missing("b.zip::a.png") == "no such archive"


def test_a_list_of_images_from_other_machines(tmp_path):
    from multiweight.base.errors import UserError
    from multiweight.photos.image_source import ListedImages

    names = ["a.jpg", "Screenshot 3.04\u202fPM.png", "b c.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(PHOTO)
    listing = tmp_path / "list.txt"
    listing.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([names[0], names[1] + " 3", "", names[2]]).encode())
    assert ListedImages.read(listing, 32).keys() == names
    listing.write_bytes(b"a.jpg\n\xff\n")
    with pytest.raises(UserError, match="list.txt:2: not UTF-8"):
        ListedImages.read(listing, 32)
