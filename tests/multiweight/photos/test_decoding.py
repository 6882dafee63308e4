"""Pictures as other programs write them, by Pillow, which matplotlib brings: whole, cut, transparent, turned, huge."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import unchecked
from PIL import Image, ImageOps, features

from multiweight.photos.decoding import UnreadableImage, decode
from multiweight.photos.image_header import header

RNG = np.random.RandomState(0)
SMOOTH = cv2.GaussianBlur(RNG.randint(0, 256, (120, 90, 3)).astype(np.uint8), (0, 0), 5)
SMOOTH = cv2.normalize(SMOOTH, np.empty_like(SMOOTH), 0, 255, cv2.NORM_MINMAX)
PICTURE = Image.fromarray(SMOOTH)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 2},
    "grey": {"convert": "L"},
    "cmyk": {"convert": "CMYK"},
    "444": {"subsampling": 0},
}


def jpeg(convert=None, **options):
    return saved(PICTURE.convert(convert) if convert else PICTURE, "JPEG", quality=90, **options)


@pytest.mark.parametrize("way", WAYS)
def test_a_jpeg_cut_anywhere_but_closed_is_no_picture(way):
    data = jpeg(**WAYS[way])
    assert decode(data).shape == (120, 90, 3)
    begin = data.index(b"\xff\xda") + 20
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        cut = data[: begin + int((len(data) - begin) * share)].rstrip(b"\xff") + b"\xff\xd9"
        if way.startswith("progressive") and header(cut).problem == "":
            continue  # within the last refinement: nothing to see
        with pytest.raises(UnreadableImage, match="truncated JPEG|restart markers are missing|broken JPEG"):
            decode(cut)
    # What follows the end of a whole one (a phone's second picture, a signature) is no part of it.
    assert np.array_equal(decode(data + b"\xff\xd8\xff\xda junk"), decode(data))


@pytest.mark.parametrize("way", WAYS)
def test_whole_jpegs_of_the_filling_grey_stay(way):
    plain = Image.new("RGB", (64, 48), (128, 128, 128)).convert(WAYS[way].get("convert") or "RGB")
    options = {name: value for name, value in WAYS[way].items() if name != "convert"}
    data = saved(plain, "JPEG", **options)
    if plain.mode != "CMYK":
        assert (decode(data) == 128).all()
    half = Image.new("RGB", (64, 96), (128, 128, 128))
    half.paste(PICTURE.resize((64, 48)))
    assert decode(saved(half, "JPEG", **options)).shape == (96, 64, 3)


def test_a_scan_that_never_came():
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(UnreadableImage, match="truncated JPEG: the last scans are missing"):
        decode(data[:last] + b"\xff\xd9")


WHITE = [255, 255, 255]


def transparent_png(depth, level):
    row = b"\0" + {1: b"\x7f", 2: b"\x1b", 4: b"\x0f\x00", 8: bytes([0, 200, 200, 200]), 16: b"\x00\x07\xff\xff"}[depth]
    pixels = {1: 8, 2: 4, 4: 4, 8: 4, 16: 2}[depth]
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", pixels, 2, depth, 0, 0, 0, 0))
    body = chunk(b"tRNS", struct.pack(">H", level)) + chunk(b"IDAT", zlib.compress(row * 2))
    return b"\x89PNG\r\n\x1a\n" + start + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(("depth", "level"), [(1, 0), (2, 0), (4, 0), (8, 0), (16, 7)])
def test_a_transparent_grey_level_becomes_white(depth, level):
    result = decode(transparent_png(depth, level))
    assert result[0, 0].tolist() == WHITE  # the first pixel has the transparent level
    other = decode(transparent_png(depth, level + 1))
    assert other[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("JPEG2000", {}),
        pytest.param("AVIF", {"quality": 100, "subsampling": "4:4:4"}, marks=unchecked.unless(
            features.check("avif"), "photos in AVIF", "this Pillow writes none: pip install 'pillow>=11.3'")),
    ],
)  # fmt: skip
def test_transparent_pixels_become_white(kind, options):
    values = np.dstack([SMOOTH, np.full((120, 90), 255, np.uint8)])
    values[:, :30, 3] = 0
    values[:, 30:60, 3] = 128
    result = decode(saved(Image.fromarray(values), kind, **options))[:, :, ::-1].astype(int)
    mixed = (SMOOTH[:, 30:60].astype(int) * 128 + 255 * 127) / 255
    assert (result[:, :28] >= 252).all()
    assert np.abs(result[:, 32:58] - mixed[:, 2:-2]).max() <= 6
    assert np.abs(result[:, 62:] - SMOOTH[:, 62:]).max() <= 8


def test_other_transparency_of_png():
    assert decode(saved(Image.new("LA", (4, 3), (10, 0)), "PNG"))[0, 0].tolist() == WHITE
    palette = Image.new("P", (4, 3), 0)
    palette.putpalette([9, 9, 9, 5, 5, 5])
    assert decode(saved(palette, "PNG", transparency=0))[0, 0].tolist() == WHITE
    assert decode(saved(palette, "GIF", transparency=0))[0, 0].tolist() == WHITE
    assert decode(saved(Image.new("RGB", (4, 3), (1, 2, 3)), "PNG", transparency=(1, 2, 3)))[0, 0].tolist() == WHITE


@pytest.mark.parametrize("kind, mode", [
    ("JPEG", "RGB"), *((kind, mode) for kind in ("PNG", "WEBP", "TIFF", "AVIF") for mode in ("RGB", "RGBA"))
])  # fmt: skip
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_upright(kind, orientation, mode):
    if kind == "AVIF" and not features.check("avif"):
        unchecked.skip("turned photos in AVIF", "this Pillow writes none: pip install 'pillow>=11.3'")
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(PICTURE.convert(mode), kind, exif=exif if kind == "TIFF" else exif.tobytes())
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))[:, :, ::-1]
    result = decode(data)
    assert result.shape == upright.shape and np.abs(result.astype(int) - upright).mean() < 6


def test_bmp_of_os2():
    rows = b"".join(bytes([n, n, n]) * 3 + b"\0\0\0" for n in (10, 20))
    data = b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + struct.pack("<IHHHH", 12, 3, 2, 1, 24) + rows
    assert header(data)[:3] == ("BMP", 3, 2)
    assert decode(data)[:, 0, 0].tolist() == [20, 10]
    huge = data[:18] + struct.pack("<HH", 40000, 40000) + data[22:]
    with pytest.raises(UnreadableImage, match="40000x40000 pixels"):
        decode(huge)


def bomb(width, height, depth, colour):
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        bomb(9999, 9999, 16, 6),
        bomb(9999, 9999, 8, 6),
        b"II*\0\x08\0\0\0" + struct.pack("<HHHIIHHII", 2, 256, 4, 1, 60000, 257, 4, 1, 60000) + b"\0\0\0\0",
        b"P6 60000 60000 255\n" + b"\0" * 100,
        b"P6\n# a\n60000\n# b\n 60000\n255\n" + b"\0" * 100,
        b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, 50000, 50000, 0, 0) + bytes(16) + b"\0\3" + b"\7\1\1" * 3,
    ],
)
def test_the_bytes_decoded_are_bounded(data):
    with pytest.raises(UnreadableImage, match="allowed"):
        decode(data)


def test_formats_that_no_photo_has_are_refused():
    for data in (
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n" + b"\0" * 400,
        b"\x59\xa6\x6a\x95" + bytes(60),
        b"PF\n9",
    ):
        with pytest.raises(UnreadableImage, match="not an image in a known format"):
            decode(data)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "AVIF", "PPM"])
def test_cut_files_of_every_format(kind):
    if kind == "AVIF" and not features.check("avif"):
        unchecked.skip("cut photos in AVIF", "this Pillow writes none: pip install 'pillow>=11.3'")
    data = saved(PICTURE, kind)
    assert decode(data).shape == (120, 90, 3)
    for share in (0.02, 0.3, 0.7, 0.95):
        with pytest.raises(UnreadableImage):
            decode(data[: int(len(data) * share)])
