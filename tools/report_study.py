#!/usr/bin/env python3
"""Write the report of a study, report.md and figures, from its result files alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from multiweight.base.errors import run_tool  # noqa: E402
from multiweight.study import design, report  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    p.add_argument("study", type=Path, help=f"folder that holds {design.FILE} and results/")
    return p


def main() -> int:
    print(f"the report lies in {report.write(design.load(parser().parse_args().study))}")
    return 0


if __name__ == "__main__":
    run_tool(main)
