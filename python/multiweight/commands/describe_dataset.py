"""Describe a dataset as the paper does: Table I, the proportions of Table II, and a chart of the long tail."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import done, flags, whole_file
from multiweight.base.paths import Dataset
from multiweight.prepare import statistics
from multiweight.prepare.split import PARTS
from multiweight.records import records
from multiweight.records.catalog import Catalog


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    flags.dataset(p, "name of the imported dataset")
    p.add_argument("--out", type=Path, help="the page (default: statistics.md beside the records)")
    p.add_argument("--figure", type=Path, help="the chart (default: the page's name with .png)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    catalog = Catalog.load(dataset.catalog)
    page = args.out or dataset.data / "statistics.md"
    figure = args.figure or page.with_suffix(".png")
    files = {part: dataset.split(part) for part in PARTS}
    if not all(path.exists() for path in files.values()):
        files = {"all": dataset.used_records}
    parts = {part: statistics.count(records.read(path, catalog), catalog) for part, path in files.items()}
    first = next(iter(parts.values()))
    statistics.chart(first, figure, dataset.name)
    text = statistics.markdown(dataset.name, parts, Path(os.path.relpath(figure, page.parent)).as_posix())
    page.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write(page, text)
    done.write(dataset.statistics, {}, parts)
    sizes = ", ".join(f"{part} {figures['images']} images" for part, figures in parts.items())
    print(f"wrote {page} and {figure}: {sizes}, {first['groups']} groups, {first['labels']} labels")
    return 0
