"""A message's fields as plain attributes, which torch.compile can follow; it cannot follow protobuf's."""

from __future__ import annotations

from typing import Any

_unset: dict[str, Settings] = {}


class Settings:
    """Fields, values of enums and ``HasField`` of a message, defaults included, as they are now."""

    def __init__(self, message: Any):
        descriptor = message.DESCRIPTOR
        given = {field.name for field, _ in message.ListFields()}
        self._given = given
        for field in descriptor.fields:
            if field.message_type is None:
                value = getattr(message, field.name)
                setattr(self, field.name, list(value) if field.is_repeated else value)
            elif field.is_repeated:
                setattr(self, field.name, [Settings(part) for part in getattr(message, field.name)])
            elif field.name in given:
                setattr(self, field.name, Settings(getattr(message, field.name)))
            else:
                setattr(self, field.name, _default(getattr(message, field.name)))
        for enum in descriptor.enum_types:
            for value in enum.values:
                setattr(self, value.name, value.number)

    def HasField(self, name: str) -> bool:  # noqa: N802  (protobuf's own name)
        return name in self._given


def _default(message: Any) -> Settings:
    name = message.DESCRIPTOR.full_name
    if name not in _unset:
        _unset[name] = Settings(message)
    return _unset[name]
