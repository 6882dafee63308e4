"""What a source makes of its files."""

from __future__ import annotations

from typing import NamedTuple

from multiweight.bad_images import BadImage
from multiweight.catalog import Catalog
from multiweight.records import Record


class Loaded(NamedTuple):
    """A catalog, the records in the order of the source's files, the rows left out, and notes for the person."""

    catalog: Catalog
    records: list[Record]
    bad: list[BadImage]
    notes: list[str]
