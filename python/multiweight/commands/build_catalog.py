"""Mine candidate keywords from a table of texts into one YAML file that a person edits, and report what it labels.

Run again with new texts, it keeps what stands under groups and drop, and writes the candidates anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import flags, whole_file
from multiweight.base.errors import UserError
from multiweight.datasets import shop_table
from multiweight.text import labelling, mining
from multiweight.text.keywords import Keywords


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("tables", nargs="+", type=Path, help="CSV or JSONL files with texts")
    p.add_argument(
        "--column", action="append", default=[], help="a column of texts (default: text and text_...; may be repeated)"
    )
    p.add_argument("--keywords", type=Path, help="the file to write (default: keywords.yaml beside the first table)")
    p.add_argument("--min-count", type=int, default=20, help="candidates are in so many texts or more")
    p.add_argument("--stop", action="append", default=[], help="a word that is no candidate (may be repeated)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    path = args.keywords or args.tables[0].with_name("keywords.yaml")
    known = Keywords.load(path) if path.exists() else Keywords()
    for folder in {table.parent for table in args.tables if table.name in shop_table.TABLES}:
        shop_table.table_of(folder)  # of two, an import would refuse both
    texts = [text for table in args.tables for text in shop_table.texts(table, args.column)]
    if not texts:
        raise UserError(f"{args.tables[0]}: no texts: name their column with --column")
    print(f"{len(texts)} texts; {path}: {len(known.groups)} groups and {len(known.drop)} dropped words are kept")
    mined = mining.mine(texts, known, args.min_count, args.stop)
    mined.save(path)
    counts = labelling.report(texts, mined)
    report = path.with_name(path.stem + "_report.md")
    whole_file.write(report, labelling.markdown(counts))
    suggested = sum(bool(candidate.group) for candidate in mined.candidates)
    print(f"wrote {path}: {len(mined.candidates)} candidates, {suggested} with a suggested group")
    print(f"wrote {report}: {counts['labelled']} texts have a label by now")
    return 0
