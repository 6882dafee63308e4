"""Write the report of a study, report.md and figures, from its result files alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from multiweight.base import flags
from multiweight.study import design, reading, report


def parser() -> argparse.ArgumentParser:
    p = flags.parser(__name__, __doc__)
    p.add_argument("study", type=Path, help=f"folder that holds {design.FILE} and results/")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    print(f"the report lies in {report.write(reading.load(parser().parse_args(argv).study))}")
    return 0
