"""What a finished step leaves: its settings in a JSON file, written last, which tells the next call that it is done."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiweight.base.errors import UserError


def finished(mark: Path, settings: Mapping[str, Any], overwrite: bool = False) -> dict[str, Any] | None:
    """The contents of ``mark`` if the step was finished with the same ``settings``, else None: do it.

    Raises UserError naming the first setting that differs from the finished step's, unless ``overwrite``.
    """
    if overwrite or not mark.exists():
        return None
    found = read(mark)
    for name, value in settings.items():
        if found.get("settings", {}).get(name) != value:
            raise UserError(
                f"{mark}: made with {name} {_changed(found.get('settings', {}).get(name), value)}: "
                "use --overwrite (of make: OVERWRITE=1) to make it again, or another folder (RUNS=) to keep both"
            )
    return found


def _changed(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        return f"that have changed since ({', '.join(k for k in {**before, **now} if before.get(k) != now.get(k))})"
    return f"{_short(before)}, asked for {_short(now)}"


def read(mark: Path) -> dict[str, Any]:
    """A step's JSON file; UserError where it is missing or no JSON object."""
    try:
        found = json.loads(mark.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{mark}: cannot be read ({error.strerror}): run the step that writes it first") from None
    except ValueError as error:
        raise UserError(f"{mark}: not valid JSON ({error}): delete it and run the step again") from None
    if not isinstance(found, dict):
        raise UserError(f"{mark}: expected a JSON object: delete it and run the step again")
    return found


def write(mark: Path, settings: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Mark a step as finished: ``result`` with the key ``settings`` added; the file appears whole or not at all."""
    text = json.dumps({**result, "settings": dict(settings)}, indent=2, ensure_ascii=False) + "\n"
    partial = mark.with_name(mark.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, mark)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes; UserError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): run the step that writes it first") from None
    return digest.hexdigest()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
