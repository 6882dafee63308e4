"""CSV: rows with their lines, strictly read, and files that appear whole and that a spreadsheet may open.

By the csv module and not by pandas, which would guess types, and does not tell the line of a bad cell.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from multiweight.base import markup, whole_file
from multiweight.base.errors import UserError

#: Characters of a cell, above Python's own 131,072: descriptions in HTML are longer.
CELL = 1 << 24
csv.field_size_limit(CELL)


def rows(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file with the number of the line each begins on (1 = first), empty lines left out.

    UTF-8 with or without a byte order mark; lines end in LF, CRLF or CR. Raises UserError, naming the line, for a file
    that cannot be read, is not UTF-8, or has broken quotes.
    """
    source = str(path)
    reader = csv.reader(_lines(source), strict=True)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row
            start = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            problem = f"a cell of more than {CELL:,} characters"
        else:
            problem = f"broken CSV ({error})"
        raise UserError(f"{source}:{start}: {problem}: check the quotes of the row that begins here") from None
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror})") from None


def _lines(source: str) -> Iterator[str]:
    number = 0
    with open(source, "rb") as file:
        for raw in file:
            # CR alone ends a line too: what old versions of Excel for the Mac write.
            for part in filter(None, re.split(rb"(?<=\r)(?!\n)", raw)):
                number += 1
                if number == 1 and part[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise UserError(f'{source}:1: UTF-16, as Excel\'s "Unicode text": save it as CSV UTF-8')
                try:
                    text = part.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    where = f"{error.reason} at byte {error.start} of the line"
                    raise UserError(f"{source}:{number}: not UTF-8 ({where}): save it as UTF-8") from None
                if "\0" in text:
                    raise UserError(f"{source}:{number}: a NUL byte: expected a text file in UTF-8")
                yield text


def write(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file; it appears whole or not at all, and no text in it is a formula (see ``markup.cell``)."""
    with whole_file.opened(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([markup.cell(value) if isinstance(value, str) else value for value in row] for row in rows)
