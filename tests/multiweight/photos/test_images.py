import io
import struct
import zipfile
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from multiweight.photos import decoding
from multiweight.photos.decoding import UnreadableImage, decode, resize
from multiweight.photos.image_header import header
from multiweight.photos.images import ImageFolder

RNG = np.random.RandomState(0)
PICTURE = cv2.resize(RNG.randint(0, 256, (6, 8, 3)).astype(np.uint8), (80, 60))


def encoded(extension, image=PICTURE, *options):
    return cv2.imencode(extension, image, list(options))[1].tobytes()


def with_orientation(jpeg, value):
    """Insert an EXIF segment whose one entry is the orientation (tag 0x0112)."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def huge_png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_formats_decode_to_bgr(extension):
    data = encoded(extension)
    image = decode(data)
    assert image.shape == (60, 80, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - PICTURE).mean() < 6
    if extension != ".tiff":
        assert header(data)[1:3] == (80, 60)


def test_lossless_webp_header():
    assert header(encoded(".webp", PICTURE, cv2.IMWRITE_WEBP_QUALITY, 101))[1:3] == (80, 60)


def test_grey_becomes_three_channels_and_sixteen_bits_eight():
    grey = decode(encoded(".png", PICTURE[:, :, 0]))
    assert np.array_equal(grey, np.repeat(PICTURE[:, :, :1], 3, axis=2))
    deep = decode(encoded(".png", PICTURE.astype(np.uint16) * 257))
    assert np.array_equal(deep, PICTURE)


def test_transparent_pixels_lie_on_white():
    alpha = np.dstack([PICTURE, np.full((60, 80), 255, np.uint8)])
    alpha[:30, :, 3] = 0
    image = decode(encoded(".png", alpha))
    assert (image[:30] == 255).all() and np.array_equal(image[30:], PICTURE[30:])
    half = decode(encoded(".png", np.full((4, 4, 4), (0, 100, 200, 51), np.uint8)))
    assert half[0, 0].tolist() == [204, 224, 244]
    deep = decode(encoded(".png", alpha.astype(np.uint16) * 257))
    assert np.array_equal(deep, image)


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, **options)
    return file.getvalue()


RED = Image.new("RGB", (40, 30), (200, 30, 60))


@pytest.mark.parametrize(
    "data, tolerance",
    [
        (saved(RED.convert("CMYK"), format="JPEG", quality=95), 3),
        (saved(RED.convert("P", palette=Image.Palette.ADAPTIVE), format="PNG"), 0),
        (saved(RED.convert("P", palette=Image.Palette.ADAPTIVE), format="GIF"), 4),
        (saved(RED, format="PNG", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue")]), 0),
        (saved(RED, format="GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue")]), 4),
        (
            saved(RED, format="WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue")], lossless=True),
            0,
        ),
    ],
    ids=["CMYK", "palette", "palette GIF", "animated PNG", "animated GIF", "animated WebP"],
)
def test_cmyk_palettes_and_the_first_picture_of_animations(data, tolerance):
    image = decode(data)
    assert image.shape == (30, 40, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - (60, 30, 200)).max() <= tolerance


def test_a_transparent_gif_lies_on_white():
    half = Image.new("P", (40, 30), 1)
    half.putpalette([0, 0, 0, 200, 30, 60])
    half.paste(0, (0, 0, 40, 10))
    image = decode(saved(half, format="GIF", transparency=0))
    assert (image[:10] == 255).all() and image[20, 20].tolist() == [60, 30, 200]


def test_one_pixel():
    assert resize(decode(saved(Image.new("RGB", (1, 1), "red"), format="PNG")), 4).tolist() == [[[0, 0, 255]] * 4] * 4


def test_pad_and_crop_keep_the_proportions():
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 100
    assert (resize(wide, 20, "crop") == 100).all()
    padded = resize(wide, 60, "pad")
    assert np.array_equal(padded[20:40], wide) and (padded[:20] == 255).all() and (padded[40:] == 255).all()
    assert resize(wide[:, :1], 10, "pad").shape == (10, 10, 3)


def test_exif_orientation_is_applied():
    jpeg = encoded(".jpg")
    turned = decode(with_orientation(jpeg, 6))
    assert turned.shape == (80, 60, 3)
    assert np.array_equal(turned, np.rot90(decode(jpeg), -1))


def with_alpha(extension, orientation, order="<"):
    """PICTURE with an opaque alpha channel, and an EXIF chunk."""
    entry = struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    tiff = {"<": b"II*\0", ">": b"MM\0*"}[order] + entry
    if extension == ".png":
        data = encoded(".png", np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)]))
        body = b"eXIf" + tiff
        return data[:33] + struct.pack(">I", len(tiff)) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]
    # A lossless WebP in the extended format: the flags say alpha and EXIF.
    picture = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 254, np.uint8)])
    plain = encoded(".webp", picture, cv2.IMWRITE_WEBP_QUALITY, 101)
    start = plain.index(b"VP8L")
    size = struct.unpack_from("<I", plain, start + 4)[0]
    image = plain[start : start + 8 + size + size % 2]
    head = b"VP8X" + struct.pack("<IB3x", 10, 0x18) + (79).to_bytes(3, "little") + (59).to_bytes(3, "little")
    exif = b"EXIF" + struct.pack("<I", len(tiff)) + tiff
    chunks = b"WEBP" + head + image + exif
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


@pytest.mark.parametrize("extension", [".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_beside_an_alpha_channel(extension, orientation):
    turns = {
        1: PICTURE, 2: PICTURE[:, ::-1], 3: PICTURE[::-1, ::-1], 4: PICTURE[::-1], 5: PICTURE.transpose(1, 0, 2),
        6: np.rot90(PICTURE, -1), 7: np.rot90(PICTURE.transpose(1, 0, 2), 2), 8: np.rot90(PICTURE),
    }  # fmt: skip
    for order in "<>":
        result = decode(with_alpha(extension, orientation, order))
        assert result.shape == turns[orientation].shape
        # 254 of 255 is opaque but for a last digit of white.
        assert np.abs(result.astype(int) - turns[orientation]).max() <= 1


def test_a_damaged_exif_chunk_turns_nothing():
    for cut in range(1, 40):
        data = bytearray(with_alpha(".png", 6))
        at = data.index(b"eXIf") + 4
        data[at + cut % 26] ^= 0xFF
        assert decode(bytes(data)).shape in ((60, 80, 3), (80, 60, 3))


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty file"),
        (b"hello, world", "not an image"),
        (encoded(".jpg")[:-200], "truncated JPEG"),
        (with_orientation(encoded(".jpg"), 1)[:40], "truncated"),
        (encoded(".png")[:-200], "truncated PNG"),
        (encoded(".webp")[:-50], "truncated WebP"),
        (huge_png(30000, 30000), "30000x30000 pixels"),
        (huge_png(10, 10), "broken PNG"),
    ],
)
def test_unreadable(data, reason):
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)


def test_pixel_limit():
    assert decode(encoded(".jpg"), 4800).shape == (60, 80, 3)
    for extension in (".jpg", ".tiff"):
        with pytest.raises(UnreadableImage, match="80x60 pixels, allowed 4799"):
            decode(encoded(extension), 4799)


def test_wrong_extension_is_no_matter(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(".png"))
    with ImageFolder(tmp_path) as folder:
        assert np.array_equal(folder.read("a.jpg"), PICTURE)


def test_folder_files_archives_and_what_is_missing(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(".jpg"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/衣 服.jpg", encoded(".jpg"))
    (tmp_path / "c.zip").write_bytes(b"no archive")
    with ImageFolder(tmp_path) as folder:
        assert np.array_equal(folder.read("a.jpg"), folder.read("b.zip::in/衣 服.jpg"))
        for reference in ("a.jpg", "b.zip::in/衣 服.jpg"):
            assert folder.missing(reference) == ""
        for reference, reason in [
            ("x.jpg", "no such file"),
            ("b.zip::x.jpg", "not in b.zip"),
            ("x.zip::a.jpg", "no such archive"),
            ("c.zip::a.jpg", "the archive cannot be read"),
            ("../a.jpg", "leads out"),
        ]:
            assert reason in folder.missing(reference)
            with pytest.raises(UnreadableImage, match=reason):
                folder.read(reference)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(encoded(".jpg"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with ImageFolder(tmp_path / "data") as folder:
        assert "link" in folder.missing("link.jpg")
        with pytest.raises(UnreadableImage, match="link that leads out"):
            folder.read("link.jpg")


def test_resize_warps():
    assert resize(PICTURE, 32).shape == (32, 32, 3)
    square = np.ascontiguousarray(PICTURE[:, :60])
    assert resize(square, 60) is square
    assert decoding.MAX_PIXELS < 30000 * 30000


@pytest.mark.parametrize(
    "name, message",
    [("img\\a.jpg", "separated by /"), ("img\\b.jpg", "no such file$"), ("https://x.y/a.jpg", "address in the web")],
)
def test_names_from_windows_and_the_web_are_told(tmp_path, name, message):
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "a.jpg").write_bytes(b"")
    with ImageFolder(tmp_path) as folder, pytest.raises(UnreadableImage, match=message):
        folder.size(name)
