"""What a finished step leaves: its settings in a JSON file, written last, which tells the next call that it is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiweight.base import kinds, whole_file
from multiweight.base.errors import UserError

#: What writes a file that a step reads, as a user calls it.
_WRITTEN_BY = {
    "import.json": "make records",
    "records.csv": "make records",
    "catalog.yaml": "make records",
    "split.json": "make split",
    "train.csv": "make split",
    "test.csv": "make split",
    "dataset.json": "make lmdb",
    "train_packed.csv": "make lmdb",
    "test_packed.csv": "make lmdb",
    "settings.json": "make prototxt",
    "train_val.prototxt": "make prototxt",
    "solver.prototxt": "make prototxt",
    "train.json": "make train-...",
    "features.h5": "make features",
    "evaluation.json": "make evaluate",
}


class Contents(dict):  # type: ignore[type-arg]
    """An object of a step's JSON file: a key that is not there is a UserError that names the file."""

    def __init__(self, mark: Path, values: Mapping[str, Any]):
        super().__init__(values)
        self._mark = mark

    def __missing__(self, key: str) -> Any:
        raise UserError(f"{self._mark}: damaged: key {key!r} is missing: delete it and run the step again")


def absent(path: Path) -> str:
    """For an error where ``path`` is not there: which step writes it."""
    step = _WRITTEN_BY.get(path.name)
    return f"{path}: no such file: run {step} first" if step else f"{path}: no such file: run the step that writes it"


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
        found = json.loads(mark.read_text(encoding="utf-8"), object_hook=lambda values: Contents(mark, values))
    except FileNotFoundError:
        raise UserError(absent(mark)) from None
    except OSError as error:
        raise UserError(f"{mark}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{mark}: not valid JSON ({error}): delete it and run the step again") from None
    if not isinstance(found, dict):
        raise UserError(f"{mark}: expected a JSON object: delete it and run the step again")
    problem = kinds.problem(mark.name, found)
    if problem:
        raise UserError(f"{mark}: damaged: {problem}: delete it and run the step again")
    return found


def write(mark: Path, settings: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Mark a step as finished: ``result`` with the key ``settings`` added; the file appears whole or not at all."""
    text = json.dumps({**result, "settings": dict(settings)}, indent=2, ensure_ascii=False) + "\n"
    whole_file.write(mark, text)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes; UserError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except FileNotFoundError:
        raise UserError(absent(path)) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
