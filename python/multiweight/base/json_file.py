"""JSON that people, and the programs of shops, write, read strictly."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from multiweight.base.errors import UserError
from multiweight.base.text_file import DIGITS, read_text


def read(path: str | Path, what: str = "the file") -> Any:
    """The data of a JSON file, see :func:`parse`."""
    return parse(read_text(path, what), str(path))


def parse(text: str, source: str, line: int | None = None) -> Any:
    """JSON data, checked: no key twice, no NaN but as None, no infinity, no half of a surrogate pair.

    ``line`` is that of a JSONL row; without it the lines of ``text`` are told. pandas and JavaScript write NaN for a
    value that is missing.
    """

    def at(number: int) -> str:
        return f"{source}:{number if line is None else line}"

    try:
        data = json.loads(
            text, object_pairs_hook=_once, parse_constant=_constant, parse_int=_integer, parse_float=_float
        )
        if re.search(r"\\u[dD][89a-fA-F]", text):
            _check_pairs(data)
    except _Doubled as error:
        here, first = _lines_of_double(text)
        also = f" (first on line {first})" if line is None else ""
        raise UserError(f"{at(here)}: the key {error.args[0]!r} stands twice{also}: keep one") from None
    except _Value as error:
        raise UserError(f"{at(1)}: {error}") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{at(error.lineno)}: not valid JSON ({error.msg})") from None
    except RecursionError:
        raise UserError(f"{at(1)}: lists and objects nested too deep to be read") from None
    return data


class _Doubled(Exception):
    """A key that stands twice in an object."""


class _Value(Exception):
    """A value that JSON lets through and nothing can use."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        raise _Doubled(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return fields


def _constant(name: str) -> None:
    if name != "NaN":
        raise _Value(f"{name}: expected a number")


def _integer(text: str) -> int:
    if len(text) > DIGITS:
        raise _Value(f"a number of {len(text):,} digits")
    return int(text)


def _float(text: str) -> float:
    if len(text) > DIGITS:
        raise _Value(f"a number of {len(text):,} digits")
    value = float(text)
    if math.isinf(value):
        raise _Value(f"{text[:40]}: a number beyond every float")
    return value


def _check_pairs(data: Any) -> None:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            raise _Value(f"{value[:40]!r}: half of a surrogate pair, which is no character")


def _lines_of_double(text: str) -> tuple[int, int]:
    """The line of the first key that stands twice in its object, and that of its first place."""
    open_objects: list[dict[str, int] | None] = []
    line, key = 1, ""
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]|\n', text):
        mark = token.group()
        if mark == "\n":
            line += 1
        elif mark in "{[":
            open_objects.append({} if mark == "{" else None)
        elif mark in "}]":
            open_objects.pop()
            if not open_objects:
                break
        elif mark == ":":
            known = open_objects[-1] if open_objects else None
            if known is not None:
                if key in known:
                    return line, known[key]
                known[key] = line
        else:
            key = json.loads(mark, strict=False)
    return line, line
