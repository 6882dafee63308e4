"""Single values of study.yaml, each checked: what is wrong is told with the file and the key."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from multiweight.base.errors import UserError


class Values:
    """Checks for the values of the file ``path``; each gives the value back, or raises UserError."""

    def __init__(self, path: Path):
        self.path = path

    def fail(self, key: str, what: str) -> UserError:
        return UserError(f"{self.path}: {key}: {what}")

    def keys(self, value: Any, known: tuple[str, ...], needed: tuple[str, ...], where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(where, f"{value!r}: expected keys among {', '.join(known)}")
        for key in value:
            if key not in known:
                raise self.fail(where, f"key {key!r} is unknown: expected {', '.join(known)}")
        for key in needed:
            if key not in value:
                raise self.fail(where, f"key {key!r} is missing")
        return value

    def number(self, value: Any, where: str, whole: bool = True, least: float = 1) -> Any:
        right = isinstance(value, int) if whole else isinstance(value, (int, float))
        # Compared, because math.isfinite fails on a whole number beyond every float.
        if isinstance(value, bool) or not right or not least <= value <= sys.float_info.max:
            shown = repr(value) if len(repr(value)) < 80 else f"{repr(value)[:40]}..."
            raise self.fail(where, f"{shown}: expected a {'whole ' if whole else ''}number, {least:g} or above")
        return value

    def share(self, value: Any, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
            raise self.fail(where, f"{value!r}: expected a share above 0, at most 1")
        return float(value)

    def text(self, value: Any, where: str) -> Any:
        if not isinstance(value, str):
            raise self.fail(where, f"{value!r}: expected a name")
        return value

    def truth(self, value: Any, where: str) -> Any:
        if not isinstance(value, bool):
            raise self.fail(where, f"{value!r}: expected true or false")
        return value

    def name(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*(_[A-Za-z0-9.-]+)*", value):
            raise self.fail(where, f"name {value!r}: expected letters, digits, '.', '-' and single '_'")
        return value

    def different(self, where: str, names: list[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise self.fail(where, f"{name!r} stands twice")
