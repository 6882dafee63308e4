"""Numbers that two forks give to different fields: a binary message that was written with the other meaning is refused.

Text files name their fields, and weights are read by layer and blob (files/wire.py): neither comes here. A message that
is parsed whole does (``ParseFromString``, ``FromString``, ``MergeFromString`` of NetParameter and SolverParameter).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.unknown_fields import UnknownFieldSet

from caffe_torch.errors import CaffeError
from caffe_torch.proto.fork_fields import ForkField, fork_fields

#: Messages of numbers alone, and many of them.
_PLAIN = {"BlobProto", "BlobShape", "Datum"}


def watch(*classes: Any) -> None:
    """Let the parsing methods of these message classes raise CaffeError where ``clash`` finds something."""
    for cls in classes:
        _watch(cls)


def _watch(cls: Any) -> None:
    parse, merge, make = cls.ParseFromString, cls.MergeFromString, cls

    def checked(message: Any) -> None:
        complaint = clash(message)
        if complaint:
            raise CaffeError(complaint)

    def parse_from_string(self: Any, serialized: bytes) -> int:
        length = parse(self, serialized)
        checked(self)
        return length

    def merge_from_string(self: Any, serialized: bytes) -> int:
        length = merge(self, serialized)
        checked(self)
        return length

    def from_string(serialized: bytes) -> Any:
        message = make()
        message.ParseFromString(serialized)
        return message

    cls.ParseFromString, cls.MergeFromString, cls.FromString = parse_from_string, merge_from_string, from_string


def clash(message: Any, path: str = "") -> str:
    """The first field of a parsed message that another fork's file must have meant otherwise; "" where none is seen.

    Seen is a field whose kind of value does not fit the schema's field of that number, and a layer that has, under the
    number of another field, what a fork of its type calls its own. Two fields of one kind cannot be told apart.
    """
    kind = message.DESCRIPTOR.name
    others = _others(message.DESCRIPTOR)
    path = path or kind
    for unknown in UnknownFieldSet(message):
        possible = others.get(unknown.field_number, [])
        # Those of this kind of value, or all where none is.
        fitting = [field for field in possible if _wire(message.DESCRIPTOR, field) == unknown.wire_type] or possible
        if fitting:
            return _said(message, path, unknown.field_number, fitting)
    if kind in ("LayerParameter", "V1LayerParameter"):
        own = _plain(_type(message))
        for number, fields in others.items():
            here = message.DESCRIPTOR.fields_by_number.get(number)
            if here is None or here.is_repeated or not message.HasField(here.name):
                continue
            for field in fields:
                name = _last(field)
                if _plain(name.removesuffix("_param")) == own and not message.HasField(name):
                    return _said(message, path, number, [field])
    for name, inner in _inner(message):
        complaint = clash(inner, f"{path}.{name}")
        if complaint:
            return complaint
    return ""


def _inner(message: Any) -> Iterator[tuple[str, Any]]:
    """The messages inside a message, with how they are named."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.name in _PLAIN:
            continue
        for item in value if field.is_repeated else [value]:
            name = getattr(item, "name", "") if field.name in ("layer", "layers") else ""
            yield (f"{field.name} {name!r}" if name else field.name), item


def _type(layer: Any) -> str:
    """A layer's type; in the old format it is an enum value."""
    if isinstance(layer.type, str):
        return layer.type
    return layer.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[layer.type].name


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _last(field: ForkField) -> str:
    return field.name.rpartition(".")[2]


def _wire(descriptor: Descriptor, field: ForkField) -> int:
    """The wire type of a field's values: 0 for whole numbers, 1 and 5 for floats of 8 and 4 bytes, 2 for bytes."""
    own = descriptor.fields_by_name[_last(field)]
    return {own.TYPE_DOUBLE: 1, own.TYPE_FLOAT: 5, own.TYPE_STRING: 2, own.TYPE_BYTES: 2, own.TYPE_MESSAGE: 2}.get(
        own.type, 0
    )


def _said(message: Any, path: str, number: int, fields: list[ForkField]) -> str:
    here = message.DESCRIPTOR.fields_by_number.get(number)
    meaning = f"{here.name!r} in this schema" if here is not None else "no field of this schema"
    theirs = " or ".join(f"{_last(field)!r} in {field.fork}" for field in fields)
    return (
        f"{path}: field number {number} is {meaning}, but {theirs}, which must have written this binary message: read "
        "its text file (.prototxt) instead; weights are read by net.copy_from"
    )


@cache
def _others(descriptor: Descriptor) -> dict[int, list[ForkField]]:
    """By number the fields that a fork has there and this schema elsewhere."""
    by_number: dict[int, list[ForkField]] = {}
    for name, fields in fork_fields().items():
        message, _, last = name.rpartition(".")
        here = descriptor.fields_by_name.get(last) if message == descriptor.name else None
        if here is None:
            continue
        for field in fields:
            if field.number is not None and field.number != here.number:
                by_number.setdefault(field.number, []).append(field)
    return by_number
