"""Fonts for a figure's texts: of those installed, ones that have the glyphs which matplotlib's own font lacks."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from multiweight.base import whole_file

_TOLD: set[str] = set()
_MOST = 4  # further fonts that a figure takes
# Names of fonts that are drawn for many scripts, tried first where several have as many of the glyphs.
_KNOWN = ("notosanscjk", "sourcehansans", "wqy", "microhei", "zenhei", "msyh", "simhei", "pingfang", "notosans")


def fit(figure: Any) -> None:
    """Give every text of a matplotlib figure fonts that have its glyphs, just before the figure is written.

    Texts that matplotlib's default font can draw keep it. Where no installed font has a glyph, a line on standard error
    names it, once in a process.
    """
    texts = [text for text in figure.findobj(importlib.import_module("matplotlib.text").Text) if text.get_text()]
    missing = set(_missing({mark for text in texts for mark in text.get_text()}))
    if not missing:
        return
    families, without = _families(missing)
    for text in texts:
        if families and missing.intersection(text.get_text()):
            text.set_fontfamily(["DejaVu Sans", *families])
    fresh = without - _TOLD
    if fresh:
        _TOLD.update(fresh)
        shown = "".join(sorted(fresh)[:12])
        print(
            f"note: no installed font has {len(fresh)} of the figures' characters ({shown}): they are drawn as boxes; "
            "install one that has them (Debian: fonts-noto-cjk) and write the figures again",
            file=sys.stderr,
        )


def write(figure: Any, path: Path, **options: Any) -> None:
    """``figure.savefig`` with fitting fonts; a glyph that no font has is told by :func:`fit` alone."""
    fit(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        with whole_file.place(path) as partial:
            figure.savefig(str(partial), format=path.suffix[1:], **options)


def _missing(marks: Iterable[str]) -> list[str]:
    manager = importlib.import_module("matplotlib.font_manager")
    own = _opened(manager.findfont("DejaVu Sans"))
    return [mark for mark in marks if ord(mark) > 127 and own is not None and not own.get_char_index(ord(mark))]


def _families(missing: set[str]) -> tuple[list[str], set[str]]:
    """Names of fonts that together have the glyphs, registered with matplotlib, and the glyphs that none has."""
    manager = importlib.import_module("matplotlib.font_manager")
    able = []
    # The files themselves: matplotlib's list is from the day it was first used.
    for path in sorted(manager.findSystemFonts()):
        font = _opened(path)
        has = {mark for mark in missing if font is not None and font.get_char_index(ord(mark))}
        if font is not None and has:
            name = Path(path).name.lower()
            rank = next((n for n, known in enumerate(_KNOWN) if name.startswith(known)), len(_KNOWN))
            plain = "regular" in font.style_name.lower() or font.style_name.lower() in ("", "book", "normal")
            able.append((has, rank, not plain, path, font.family_name))
    families: list[str] = []
    without = set(missing)
    while without and able and len(families) < _MOST:
        has, _, _, path, family = min(able, key=lambda font_entry: (-len(font_entry[0] & without), *font_entry[1:4]))
        if not has & without:
            break
        manager.fontManager.addfont(path)
        families.append(family)
        without -= has
    return families, without


def _opened(path: str) -> Any:
    """The font of a file; None where it is none, or has pictures in place of outlines."""
    try:
        font = importlib.import_module("matplotlib.ft2font").FT2Font(path)
    except (RuntimeError, OSError, ValueError):
        return None
    # A number before matplotlib 3.10, a flag since.
    return font if getattr(font.face_flags, "value", font.face_flags) & 1 else None
