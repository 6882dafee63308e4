"""Photos of every format, and zip archives of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, features
from readers import Reader, register

from multiweight.photos.decoding import UnreadableImage, decode
from multiweight.photos.image_header import header
from multiweight.photos.images import ImageFolder

_FORMATS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("JPEG", "RGB", {"quality": 80}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "L", {"restart_marker_blocks": 2}),
    ("JPEG", "CMYK", {}),
    ("PNG", "RGB", {}),
    ("PNG", "RGBA", {}),
    ("PNG", "L", {"transparency": 7}),
    ("PNG", "P", {"transparency": 0}),
    ("PNG", "I;16", {}),
    ("GIF", "P", {"transparency": 0}),
    ("BMP", "RGB", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "RGBA", {}),
    ("JPEG2000", "RGBA", {}),
    ("AVIF", "RGBA", {}),
    ("PPM", "RGB", {}),
)


def _pictures(folder: Path) -> Sequence[bytes]:
    pixels = np.random.RandomState(0).randint(0, 256, (20, 24, 3)).astype(np.uint8).repeat(2, 0).repeat(2, 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    examples = []
    for kind, mode, options in _FORMATS:
        if kind == "AVIF" and not features.check("avif"):
            continue
        file = io.BytesIO()
        wide = pixels[:, :, 0].astype(np.uint16) * 257
        picture = Image.fromarray(wide) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
        picture.save(file, kind, **options, **({"exif": exif.tobytes()} if kind in ("JPEG", "PNG", "WEBP") else {}))
        examples.append(file.getvalue())
    return examples


def _decode(path: Path) -> None:
    data = path.read_bytes()
    header(data)
    image = decode(data)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise AssertionError(f"a picture of {image.dtype} {image.shape}")


def _archives(folder: Path) -> Sequence[bytes]:
    photo = _pictures(folder)[0]
    examples = []
    for methods in ((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, method in zip(("a.jpg", "\u5973.jpg"), methods):
                archive.writestr(name, photo, method)
        examples.append(file.getvalue())
    return examples


def _members(path: Path) -> None:
    with ImageFolder(path.parent) as images:
        for member in ("a.jpg", "\u5973.jpg", "b.jpg"):
            reference = f"{path.name}::{member}"
            images.missing(reference)
            try:
                images.read(reference)
            except UnreadableImage:
                continue


register(Reader("photos", ".jpg", _pictures, _decode, (UnreadableImage,)))
register(Reader("zips", ".zip", _archives, _members, (UnreadableImage,)))
