"""What a cell of a person's table says: nothing, a label, an id; the same for every source of records."""

from __future__ import annotations

import re
import unicodedata

#: Words, in lower case, that stand for a missing value: those of pandas, R, SQL, JavaScript and spreadsheets.
MISSING = frozenset(
    """
    na n/a n.a. n.a #n/a #na <na> nan -nan nat none null nil nul undefined missing
    #null! #value! #ref! #div/0! #name? #num! -1.#ind 1.#ind -1.#qnan 1.#qnan (null) (none) (blank) (empty) [null] \\n
    - -- --- – — ― . .. ... _ / \\ 暂无 未知 空
    """.split()
)  # fmt: skip
# Characters without a width that no script needs: zero-width spaces, soft hyphens, marks of direction. The joiners
# U+200C and U+200D stay: Persian, Indian scripts and emoji are written with them.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
# A whole number that a spreadsheet has made a float of, and one that it has shortened, digits lost.
_FLOAT_ID = re.compile(r"([0-9]+)\.0+")
_SHORTENED_ID = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+")


def is_missing(text: str) -> bool:
    """Whether a cell says nothing: it is empty, or a word of ``MISSING``."""
    plain = text.strip()
    return not plain or (len(plain) <= 12 and plain.casefold() in MISSING)


def tidy(text: str) -> str:
    """A name as labels and groups are compared.

    Every kind of space is a plain one, none at the ends; characters without a width are gone; accents are one
    character with their letter (Unicode NFC).
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    spaced = "".join(" " if unicodedata.category(mark) == "Zs" else mark for mark in _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", spaced).strip()


def name_problem(text: str) -> str:
    """Why a tidy text can be no group's or label's name, or an empty string."""
    if not text.strip():
        return "is empty"
    if text != text.strip():
        return "has spaces at its ends"
    if text == "*":
        return "means all labels of a group in the record files: rename it"
    if "=" in text or "|" in text:
        return "holds '=' or '|', which separate labels in the record files"
    return control(text)


def control(text: str) -> str:
    """Which control character a text holds, as ``holds the control character U+0007``; else an empty string.

    Spaces of every kind, joiners and marks of direction are none: macOS and phones put them into file names.
    """
    for mark in text:
        if unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp"):
            return f"holds the control character U+{ord(mark):04X}"
    return ""


def without_float_suffix(text: str) -> str:
    """An id as it was before a spreadsheet made a float of it: ``1163.0`` is 1163."""
    match = _FLOAT_ID.fullmatch(text)
    return match.group(1) if match else text


def shortened(text: str) -> bool:
    """Whether an id is a number in a spreadsheet's short form (``6.92E+12``), so that its last digits are lost."""
    return bool(_SHORTENED_ID.fullmatch(text))
