"""Read and write Caffe's messages as text (.prototxt), with errors that name file, line and field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format

from caffe_torch.errors import CaffeError
from caffe_torch.files import native, prototxt_words, text_file
from caffe_torch.proto import caffe_pb2
from caffe_torch.proto.fork_fields import elsewhere, fork_fields, forks_of
from caffe_torch.runtime import user_modules

#: By message: the one whose file is taken for it.
_OTHERS = {
    "caffe.NetParameter": ("caffe.SolverParameter", "a solver's prototxt"),
    "caffe.SolverParameter": ("caffe.NetParameter", "a net's prototxt"),
}


def read_net(path: str | Path) -> Any:
    """The NetParameter of a .prototxt; old formats are upgraded."""
    from caffe_torch.files.upgrade import upgrade_net

    user_modules.load()
    return upgrade_net(read_message(path, caffe_pb2.NetParameter()), str(path))


def read_solver(path: str | Path) -> Any:
    """The SolverParameter of a solver .prototxt; old fields are upgraded, ``snapshot_prefix`` is always set."""
    from caffe_torch.files.upgrade import upgrade_solver

    user_modules.load()
    return upgrade_solver(read_message(path, caffe_pb2.SolverParameter()), str(path))


def read_message(path: str | Path, message: Any) -> Any:
    """Fill ``message`` from a .prototxt as it stands, old formats and all."""
    return parse(_read(path), message, str(path))


def parse(text: str, message: Any, source: str = "prototxt") -> Any:
    """Fill ``message`` from prototxt ``text``; CaffeError with line, column and known fields on a mistake."""
    try:
        text_format.Parse(prototxt_words.prepare(text, source), message)
    except text_format.ParseError as error:
        raise CaffeError(f"{source}:{error}{_hint(str(error))}") from None
    native.check(message, source)
    return message


def original_text(message: Any) -> str:
    """``message`` as prototxt text, its numbers in the form in which C++ prints a float: 1, 0.1, 3e+06."""
    text = text_format.MessageToString(message, as_utf8=False)
    # Doubles are a BlobProto's alone, and keep their digits.
    return re.sub(r"^( *(?!double_)\w+: )(-?\d[\d.]*(?:e[-+]?\d+)?)$", _as_float, text, flags=re.MULTILINE)


def _as_float(match: re.Match[str]) -> str:
    name, number = match.groups()
    if number.lstrip("-").isdigit():
        return match.group()  # a whole number's field
    short = f"{float(number):.6g}"
    if np.float32(short) != np.float32(number):
        short = f"{np.float32(number):.9g}"
    return name + short


def _hint(error: str) -> str:
    """What is known in the place of an unknown field or enum value, the nearest one first; forks' are not listed."""
    pool = caffe_pb2.DESCRIPTOR.pool
    field = re.search(r'Message type "(caffe\.[\w.]+)" has no field named "(\w+)"', error)
    value = re.search(r'Enum type "(caffe\.[\w.]+)" has no value named "?(\w+)', error)
    bare = re.search(r"Expected string but found: '(\w+)'", error)
    if bare:
        return f' A string stands in quotes: "{bare.group(1)}".'
    if field:
        kind, wrong, place = "fields", field.group(2), field.group(1)
        known = sorted(pool.FindMessageTypeByName(field.group(1)).fields_by_name)
    elif value:
        kind, wrong, place = "values", value.group(2), value.group(1)
        known = sorted(pool.FindEnumTypeByName(value.group(1)).values_by_name)
    else:
        return ""
    if kind == "values" and f'named "{wrong}"' in error and wrong in known:
        return f" A value of an enum stands without quotes: {wrong}."
    old = kind == "values" and value and value.group(1).endswith("V1LayerParameter.LayerType")
    hint = ' The type of an old `layers` entry is an enum; today it is layer { type: "Name" }.' if old else ""
    for name in elsewhere(wrong) if kind == "fields" else ():
        hint += f" {name.rpartition('.')[0]} has a field of this name ({', '.join(forks_of(name))})."
    other = _OTHERS.get(place) if kind == "fields" else None
    if other and wrong in pool.FindMessageTypeByName(other[0]).fields_by_name:
        hint += f" It is a field of {other[1]}: was that given in the place of the other?"
    own = [name for name in known if f"{place.partition('.')[2]}.{name}" not in fork_fields()]
    forks = f", and {len(known) - len(own)} of Caffe's forks (docs/FORKS.md)" if len(own) < len(known) else ""
    return f"{hint}{nearest(wrong, known)} Known {kind}: {', '.join(own)}{forks}."


def nearest(wrong: str, known: Iterable[str]) -> str:
    """`` Did you mean ...?`` where a known name is like the wrong one, else nothing."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), names, 1)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def _read(path: str | Path) -> str:
    try:
        data = Path(native.path(path)).read_bytes()
    except OSError as error:
        raise CaffeError(f"{path}: cannot be read ({error.strerror})") from None
    if b"\0" in data:
        kind = text_file.other_kind(data)
        what = "no text file" if kind == "not a text file" else kind
        raise CaffeError(f"{path}: is {what} (zero at byte {data.index(0)}); a .prototxt in UTF-8 is expected")
    # Comments and paths may be in any encoding; an editor may have put a byte order mark in front.
    return native.text(data.removeprefix(b"\xef\xbb\xbf")).replace("\r\n", "\n").replace("\r", "\n")
