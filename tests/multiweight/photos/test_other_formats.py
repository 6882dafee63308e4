"""Pictures that OpenCV would read wrongly, or refuse without saying why: the reason tells what to save instead."""

import io
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from multiweight.photos.decoding import UnreadableImage, decode

GREY = np.linspace(0, 255, 64 * 48).reshape(48, 64)
PICTURE = Image.fromarray(GREY.astype(np.uint8))


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def grey_with_alpha(form):
    return saved(Image.merge("LA", (PICTURE, PICTURE)), form)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P6 2 1 1023\n" + np.array([1023, 0, 0, 0, 0, 9], ">u2").tobytes(), "highest level is 1023: save it as PNG"),
        (b"P5 2 1 100\n\x64\x00", "highest level is 100: save it as PNG"),
        (b"P3 2 1\n# a comment\n31\n31 0 0 0 0 31\n", "highest level is 31: save it as PNG"),
        (grey_with_alpha("JPEG2000"), "a grey JPEG 2000 image with an alpha channel: save it as PNG"),
        (saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "a TIFF of 32 bits a channel"),
        (saved(PICTURE, "TIFF", compression="lzma"), "a TIFF compressed by LZMA"),
        (saved(PICTURE, "TIFF", compression="zstd"), "a TIFF compressed by Zstandard"),
        (HEIC, "a HEIC image, as iPhones make: save it as JPEG"),
    ],
)
def test_what_cannot_be_read_rightly_is_refused_with_the_way_out(data, reason):
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)


@pytest.mark.parametrize(("head", "levels"), [(b"P5 4 1 255\n", ">u1"), (b"P5\n4 1\n65535\n", ">u2")])
def test_pnm_of_all_levels(head, levels):
    values = np.array([0, 85, 170, 255])
    scaled = values * 257 if levels == ">u2" else values
    image = decode(head + scaled.astype(levels).tobytes())
    assert image[0].tolist() == [[value] * 3 for value in values]


def test_opencv_writes_no_lines_of_its_own(tmp_path):
    for n, data in enumerate([b"GIF89a" + bytes(20), cv2.imencode(".bmp", GREY)[1].tobytes()[:900]]):
        (tmp_path / str(n)).write_bytes(data)
    program = (
        "import sys, pathlib\nfrom multiweight.photos import decoding\n"
        "for path in sys.argv[1:]:\n"
        "    try: decoding.decode(pathlib.Path(path).read_bytes())\n"
        "    except decoding.UnreadableImage as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "0", tmp_path / "1"], capture_output=True, text=True, timeout=100
    )
    assert (ran.stdout.count("\n"), ran.stderr) == (2, "")
