"""The rows of a shop's table, from CSV or JSONL, as texts by column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from multiweight.base import csv_file, json_file
from multiweight.base.errors import UserError
from multiweight.records import cells

Row = dict[str, str]


def of_any_table(path: Path) -> Iterator[tuple[int, Row]]:
    """(line, column -> text) of each row; UserError with file and line where a row or a column cannot be read."""
    return _csv(path) if path.suffix != ".jsonl" else _jsonl(path)


def rows(path: Path) -> Iterator[tuple[int, Row]]:
    """(line, column -> text) of each row of a shop's table; UserError also where image or product is no column."""
    for line, row in of_any_table(path):
        for name in ("image", "product"):
            if name not in row:
                at = f"{path}:{line if path.suffix == '.jsonl' else 1}"
                raise UserError(f"{at}: no column {name!r}: found {', '.join(row) or 'nothing'}")
        yield line, row


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    lines = csv_file.rows(path)
    number, header = next(lines, (1, []))
    if number == 1 and re.fullmatch(r"sep=.?", ",".join(header)):
        raise UserError(f"{path}:1: {','.join(header)!r} is a line for Excel alone: delete it")
    other = next((mark for mark in (";", "\t", "|") if len(header) == 1 and mark in header[0]), None)
    if other:
        name = "tabs" if other == "\t" else repr(other)
        raise UserError(f"{path}:{number}: the columns are separated by {name}: save it as CSV with commas")
    header = [cells.tidy(name) for name in header]
    if not all(header):
        nameless = header.index("") + 1
        raise UserError(
            f"{path}:{number}: column {nameless} has no name (pandas writes its index so): name or delete it"
        )
    for name in header:
        if header.count(name) > 1:
            raise UserError(f"{path}:{number}: the column {name!r} stands twice: rename or delete one of them")
        _check_column(name, f"{path}:{number}")
    for number, fields in lines:
        if len(fields) != len(header):
            raise UserError(
                f"{path}:{number}: {len(fields)} fields, expected {len(header)}: quote a field that holds a comma"
            )
        yield number, dict(zip(header, fields))


def _check_column(name: str, at: str) -> None:
    problem = "" if is_text(name) else cells.name_problem(name)
    if problem or name.endswith(("!", "?")):
        raise UserError(f"{at}: column {name!r} {problem or 'ends in a mark of the records, ! or ?'}: rename it")


def _jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    known: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if not raw.strip():
                    continue
                try:
                    text = raw.decode("utf-8-sig")
                except UnicodeDecodeError as error:
                    raise UserError(f"{path}:{number}: not UTF-8 ({error.reason}): save it as UTF-8") from None
                try:
                    content = json_file.parse(text, str(path), line=number)
                except UserError as error:
                    hint = ": each line is one JSON object" if "not valid JSON" in str(error) else ""
                    raise UserError(f"{error}{hint}") from None
                if not isinstance(content, dict):
                    raise UserError(f"{path}:{number}: expected a JSON object, one per line")
                for name in content:
                    if name not in known:
                        known[name] = cells.tidy(name)
                        _check_column(known[name], f"{path}:{number}")
                row = {known[name]: _cell(value, f"{path}:{number}", name) for name, value in content.items()}
                if len(row) != len(content):
                    raise UserError(f"{path}:{number}: two names that differ by spaces alone: {', '.join(content)}")
                yield number, row
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _cell(value: object, at: str, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and name not in ("image", "product"):
        items = [_cell(item, at, name) if not isinstance(item, list) else None for item in value]
        if None not in items:
            split = next((item for item in items if item and "|" in item), None)
            if split is not None and not is_text(cells.tidy(name)):
                raise UserError(f"{at}: {name}: label {split!r} holds '|', which separates labels: rename it")
            return "|".join(item for item in items if item)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # JSON's 36.0 is the number 36
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    text = repr(value)
    shown = text if len(text) <= 60 else text[:57] + "..."
    raise UserError(f"{at}: {name}: {shown}: expected a text, a number or a list of texts")


def is_text(column: str) -> bool:
    """Whether a column holds texts."""
    return column == "text" or column.startswith("text_")
