"""What a finished step leaves: its settings in a JSON file, written last, which tells the next call that it is done."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Callable

from multiweight.base import kinds, make_variables, whole_file
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


class Otherwise(Enum):
    """What becomes of a step that was finished with other settings or inputs than it is asked for now."""

    #: Later steps are built on what it left: an error, unless ``overwrite``.
    REFUSED = (
        f"use {make_variables.named('OVERWRITE')} to make it again, or another name or folder by "
        f"{make_variables.named('RUNS')} to keep both"
    )
    #: It comes last, and nothing is lost: it says so and is made again.
    MADE_AGAIN = "made again"
    #: A training: it says so and goes on from its last snapshot.
    GOES_ON = "training goes on from the last snapshot"


def finished(
    mark: Path,
    asked: Mapping[str, Any],
    overwrite: bool = False,
    *,
    otherwise: Otherwise = Otherwise.REFUSED,
    made_with: Callable[[Path], dict[str, Any]] | None = None,
    files: Iterable[Path] = (),
    kept: Iterable[Path] = (),
    show: bool = True,
) -> dict[str, Any] | None:
    """Whether a step is done already, the policy of all steps: what its ``mark`` holds, or None: do it.

    ``asked`` are the settings and inputs of now (files by their SHA-256, under a name that ends in ``_sha256``). Where
    the finished step had the same and all its ``files`` are there, it is done; where they are not, it is done again.
    Where it had others, ``otherwise`` decides, and the step says so (``show``). What is ``kept``, as snapshots that
    were trained with the settings, stands against others even with ``overwrite``. ``made_with`` reads a mark that is
    not a JSON file with the key ``settings``: it gives what the step was asked then.

    UserError names what differs.
    """
    if not mark.exists():
        return None
    kept = [path for path in kept if path.exists()]
    if overwrite and not kept:
        return None
    try:
        found = read(mark) if made_with is None else made_with(mark)
    except UserError:
        if otherwise is not Otherwise.MADE_AGAIN:
            raise
        if show:
            print(f"{mark}: damaged: {otherwise.value}")
        return None
    differing = _differing(found.get("settings", {}) if made_with is None else found, asked)
    if differing:
        told = f"{mark}: made with {'; '.join(differing[:4])}"
        if kept:
            raise UserError(
                f"{told}; {kept[0]} was made from it: move or delete {kept[0].parent} first, or choose another name or "
                f"folder by {make_variables.named('RUNS')}"
            )
        if otherwise is Otherwise.REFUSED:
            raise UserError(f"{told}: {otherwise.value}")
        if show:
            print(f"{told}: {otherwise.value}")
        return None
    return found if not overwrite and all(path.exists() for path in files) else None


def outcome(verb: str, worked: bool) -> str:
    """How each step begins to say what it did: ``packed``, or ``skipped, already packed:``."""
    return verb if worked else f"skipped, already {verb}:"


def _differing(before: Any, asked: Mapping[str, Any], of: str = "") -> list[str]:
    """What a step was made with otherwise, a phrase each; what an earlier one noted besides does not count."""
    phrases = []
    for name, now in asked.items():
        old = before.get(name) if isinstance(before, Mapping) else None
        if old == now:
            continue
        if isinstance(old, Mapping) and isinstance(now, Mapping):
            changed = [key for key in {**old, **now} if old.get(key) != now.get(key)]
            if _is_hash(old.get(changed[0], now.get(changed[0]))):
                phrases.append(f"{of}{name} that have changed since ({', '.join(changed)})")
            else:
                phrases += _differing(old, {key: now.get(key) for key in changed}, f"{of}{name}.")
        elif _is_hash(now) and old is not None:
            phrases.append(f"{of}{name.removesuffix('_sha256')} that have changed since")
        else:
            phrases.append(f"{of}{name} {_short(old)}, asked for {_short(now)}")
    return phrases


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("(?:[0-9a-f]{64})+", value) is not None


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
