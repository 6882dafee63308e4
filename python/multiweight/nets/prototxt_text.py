"""Caffe messages as text that a person reads: the field's own order, short messages on one line, comments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

LINE = 100
# The order in which people write a layer and a solver; what is not listed follows in the schema's order.
_ORDER = {
    "LayerParameter": ("name", "type", "bottom", "top", "include", "exclude", "loss_weight", "param", "propagate_down"),
    "SolverParameter": (
        "net test_iter test_interval base_lr lr_policy gamma stepsize momentum weight_decay display max_iter snapshot "
        "snapshot_prefix random_seed type"
    ).split(),
    "ConvolutionParameter": "num_output kernel_size stride pad group weight_filler bias_filler".split(),
    "DataParameter": "source backend batch_size".split(),
    "TransformationParameter": "mirror crop_size mean_file".split(),
}


def render(message: Any, header: Iterable[str] = (), comments: Mapping[str, Iterable[str]] | None = None) -> str:
    """``message`` (any protobuf message, say a NetParameter) as prototxt that parses back to an equal message.

    ``header`` lines open the file as comments. ``comments`` maps a layer's name, or a field's name at the top level, to
    the comment lines that go above it; a name that does not occur is a KeyError, so that no comment is lost in silence.
    """
    comments = dict(comments or {})
    lines = [_comment(line) for line in header]
    for name, value in _fields(message):
        keys = (value.name, name) if hasattr(value, "DESCRIPTOR") and hasattr(value, "name") else (name,)
        for key in keys:
            if key in comments:
                if lines and hasattr(value, "DESCRIPTOR"):
                    lines.append("")
                lines.extend(_comment(line) for line in comments.pop(key))
        lines.extend(_field(name, value, ""))
    if comments:
        raise KeyError(f"comments for {', '.join(sorted(comments))}: no such layer or field")
    return "\n".join(_join_repeated(lines)) + "\n"


def _comment(line: str) -> str:
    # A line break inside a name must not end the comment.
    return f"# {' '.join(line.splitlines())}" if line.strip() else "#"


def _fields(message: Any) -> list[tuple[str, Any]]:
    """(name, value) of every set field, repeated ones flattened, in the order people write them."""
    order = list(_ORDER.get(message.DESCRIPTOR.name, ()))
    by_rank = sorted(message.ListFields(), key=lambda pair: (_rank(order, pair[0].name), pair[0].number))
    flat: list[tuple[str, Any]] = []
    for field, value in by_rank:
        values = value if _is_repeated(field) else [value]
        flat.extend((field.name, _scalar(field, item)) for item in values)
    return flat


def _rank(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _is_repeated(field: Any) -> bool:
    known = getattr(field, "is_repeated", None)  # protobuf 6 and later; `label` is deprecated there
    return bool(known) if known is not None else field.label == field.LABEL_REPEATED


def _scalar(field: Any, value: Any) -> Any:
    """A submessage as it is, anything else as text."""
    if field.type in (field.TYPE_MESSAGE, field.TYPE_GROUP):
        return value
    if field.type == field.TYPE_ENUM:
        return field.enum_type.values_by_number[value].name
    if field.type == field.TYPE_BOOL:
        return "true" if value else "false"
    if field.type in (field.TYPE_STRING, field.TYPE_BYTES):
        return _string(value)
    if field.type == field.TYPE_FLOAT:
        return _number(np.float32(value))
    if field.type == field.TYPE_DOUBLE:
        return _number(np.float64(value))
    return str(value)


def _number(value: Any) -> str:
    """The shortest decimal that gives the same float back."""
    if not np.isfinite(value):
        return str(value)
    # float(): NumPy 1 and 2 differ in how they compare float32(1e-4), which lies just below, with 1e-4.
    if value == 0 or 0.99e-4 <= abs(float(value)) < 1e7:
        return np.format_float_positional(value, unique=True, trim="-")
    return np.format_float_scientific(value, unique=True, trim="-", exp_digits=1)


def _string(value: Any) -> str:
    """A quoted string; text full of double quotes (JSON) goes in single ones, as Caffe users write param_str."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    quote = "'" if '"' in text and "'" not in text else '"'
    out = []
    for character in text:
        if character in (quote, "\\"):
            out.append("\\" + character)
        elif character == "\n":
            out.append("\\n")
        elif ord(character) < 32 or ord(character) == 127 or (isinstance(value, bytes) and ord(character) > 126):
            out.append(f"\\{ord(character):03o}")
        else:
            out.append(character)
    return quote + "".join(out) + quote


def _field(name: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, str):
        return _wrapped(f"{indent}{name}: ", value)
    inside = [line for key, item in _fields(value) for line in _field(key, item, indent + "  ")]
    flat = f"{indent}{name} {{ {' '.join(line.strip() for line in inside)} }}"
    nested = any(hasattr(item, "DESCRIPTOR") for _, item in _fields(value))
    if name != "layer" and not nested and len(inside) <= 3 and len(flat) <= LINE:
        return [flat if inside else f"{indent}{name} {{ }}"]
    return [f"{indent}{name} {{", *_join_repeated(inside), f"{indent}}}"]


def _wrapped(start: str, text: str) -> list[str]:
    """A long JSON string as adjacent literals, which the text format joins; broken after a comma and a space."""
    if len(start) + len(text) <= LINE or text[0] != "'" or "\\" in text:
        return [start + text]
    pieces, current = [], ""
    for part in text[1:-1].replace(", ", ",\0").replace("], ", "],\0").split("\0"):
        part = part + " " if part.endswith(",") else part
        if current and len(start) + len(current) + len(part) + 2 > LINE:
            pieces.append(current)
            current = ""
        current += part
    pieces.append(current)
    return [f"{start if n == 0 else ' ' * len(start)}'{piece}'" for n, piece in enumerate(pieces)]


def _join_repeated(lines: list[str]) -> list[str]:
    """Runs of more than four one-line entries of the same field, several a line: 24 bottoms are no 24 lines."""
    joined: list[str] = []
    at = 0
    while at < len(lines):
        key = lines[at].partition(":")[0]
        end = at
        while end < len(lines) and _simple(lines[end]) and lines[end].partition(":")[0] == key:
            end += 1
        if end - at <= 4:
            joined.append(lines[at])
            at += 1
            continue
        indent = key[: len(key) - len(key.lstrip())]
        current = ""
        for line in lines[at:end]:
            if current and len(current) + len(line.strip()) + 1 > LINE:
                joined.append(current)
                current = ""
            current = f"{current} {line.strip()}" if current else indent + line.strip()
        joined.append(current)
        at = end
    return joined


def _simple(line: str) -> bool:
    text = line.strip()
    return (
        ":" in text
        and not text.startswith(("#", "'", '"'))
        and not text.endswith("{")
        and "{" not in text.partition(":")[0]
    )
