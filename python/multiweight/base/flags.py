"""What the steps' flags have in common."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from multiweight.base import engine as engines


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Adds defaults to the help, except where it says them itself, for switches, and where there is none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default not in (None, False, []) and "(default" not in (action.help or "")
        return super()._get_help_string(action) if shown else action.help


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of the step in ``module``; it calls itself as the user called it."""
    step = module.rpartition(".")[2]
    called = Path(sys.argv[0]).name
    name = called if called == f"{step}.py" else f"multiweight {step.replace('_', '-')}"
    return argparse.ArgumentParser(prog=name, description=description, formatter_class=Help)


def runs(p: argparse.ArgumentParser) -> None:
    p.add_argument("--runs", default="runs", help="folder of all runs")


def gpu(p: argparse.ArgumentParser) -> None:
    p.add_argument("--gpu", help="number of the GPU, or none (default: a GPU where there is one)")


def engine(p: argparse.ArgumentParser, what: str = "which Caffe") -> None:
    p.add_argument("--engine", choices=engines.CHOICES, help=f"{what} (default: $ENGINE, else auto)")
