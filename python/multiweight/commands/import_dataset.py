"""Turn a dataset's files into catalog.yaml and records.csv of a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from multiweight.base import flags
from multiweight.base.done import outcome
from multiweight.base.paths import Dataset
from multiweight.datasets import importing
from multiweight.settings import run_file


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("data", help="the dataset's folder; data/README.md lists the layouts")
    flags.dataset(p, "name to import it under")
    p.add_argument("--source", choices=sorted(importing.SOURCES), help="the layout (default: told from the files)")
    run_file.flags(p, "import")
    p.add_argument("--overwrite", action="store_true", help="import again over other settings")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    dataset = Dataset(args.dataset, args.runs)
    settings = run_file.settings(args, "import")
    source = importing.source(args.data, args.source)
    print(f"import {args.data} ({source.NAME}: {source.LAYOUT}) -> {dataset.data}")
    result, done = importing.import_dataset(
        dataset, args.data, args.source, settings.min_products, settings.max_bad, args.overwrite
    )
    for note in result["notes"] if done else ():
        print(f"  {note}")
    print(
        f"{outcome('imported', done)} {result['images']} images "
        f"of {result['products']} products, {result['labels']} labels in {result['groups']} groups; "
        f"left out {result['bad']} ({dataset.bad_images})"
    )
    return 0
