"""Any shop's own records: ``records.csv`` and ``catalog.yaml`` in one folder with the images."""

from __future__ import annotations

from pathlib import Path

from multiweight.base.errors import UserError
from multiweight.datasets.loaded import Loaded
from multiweight.records import records
from multiweight.records.bad_images import BadImage
from multiweight.records.catalog import Catalog
from multiweight.records.records import one_spelling

NAME = "records"
LAYOUT = "records.csv, catalog.yaml, and the images or zip archives that records.csv names"
INPUTS = ("records.csv", "catalog.yaml")


def detect(folder: Path) -> bool:
    """Whether the folder has this source's files."""
    return (folder / "records.csv").is_file() and (folder / "catalog.yaml").is_file()


def load(folder: Path, min_products: int = 2) -> Loaded:
    """The catalog and the records as they are written; a label unknown to the catalog is a UserError with its line.

    ``min_products`` is not applied: the catalog is the user's own.
    """
    catalog = Catalog.load(folder / "catalog.yaml")
    loaded = records.read(folder / "records.csv", catalog)
    if not loaded:
        raise UserError(f"{folder / 'records.csv'}: no records below the header")
    by_spelling: dict[str, str] = {}
    bad = []
    kept = []
    for record in loaded:
        first = by_spelling.setdefault(one_spelling(record.image), record.image)
        if first != record.image:
            bad.append(BadImage(record.image, record.product, "import", f"the same photo as {first}, in another row"))
        else:
            kept.append(record)
    return Loaded(catalog, kept, bad, [])
