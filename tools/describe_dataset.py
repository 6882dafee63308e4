#!/usr/bin/env python3
"""Describe a dataset as the paper does: Table I, the proportions of Table II, and a chart of the long tail."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import os  # noqa: E402

from multiweight.base import done  # noqa: E402
from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.prepare import statistics  # noqa: E402
from multiweight.prepare.split import PARTS  # noqa: E402
from multiweight.records import records  # noqa: E402
from multiweight.records.catalog import Catalog  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("--dataset", required=True, help="name of the imported dataset, a folder below --runs")
    p.add_argument("--runs", default="runs", help="folder of all runs")
    p.add_argument("--out", type=Path, help="the page (default: statistics.md beside the records)")
    p.add_argument("--figure", type=Path, help="the chart (default: the page's name with .png)")
    return p


def main() -> int:
    args = parser().parse_args()
    dataset = Dataset(args.dataset, args.runs)
    catalog = Catalog.load(dataset.catalog)
    page = args.out or dataset.data / "statistics.md"
    figure = args.figure or page.with_suffix(".png")
    files = {part: dataset.split(part) for part in PARTS}
    if not all(path.exists() for path in files.values()):
        files = {"all": dataset.records}
    parts = {part: statistics.count(records.read(path, catalog), catalog) for part, path in files.items()}
    first = next(iter(parts.values()))
    statistics.chart(first, figure, dataset.name)
    text = statistics.markdown(dataset.name, parts, Path(os.path.relpath(figure, page.parent)).as_posix())
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    done.write(dataset.data / "statistics.json", {}, parts)
    sizes = ", ".join(f"{part} {found['images']} images" for part, found in parts.items())
    print(f"wrote {page} and {figure}: {sizes}, {first['groups']} groups, {first['labels']} labels")
    return 0


if __name__ == "__main__":
    run_tool(main)
