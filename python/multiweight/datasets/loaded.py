"""What a source makes of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record


class Loaded(NamedTuple):
    """A catalog, the records in the order of the source's files, the rows left out, and notes for the person.

    ``partition``: image -> train or test, where the source has a division of its own.
    """

    catalog: Catalog
    records: list[Record]
    bad: list[BadImage]
    notes: list[str]
    partition: Mapping[str, str] = {}
