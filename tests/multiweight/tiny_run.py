"""A drawn shop of forty products, packed at 72 x 72, with a net that is written, for tests of the steps."""

from __future__ import annotations

from pathlib import Path

from multiweight.base.paths import Dataset
from multiweight.commands import build_lmdb, import_dataset, make_prototxt, make_sample_shop, split

NET = ["--crop", "67", "--width", "0.0625", "--iterations", "4"]


def where(runs: Path) -> list[str]:
    return ["--dataset", "tiny", "--runs", str(runs)]


def arguments(templates: list[str], runs: Path, **places: object) -> list[str]:
    """A step's command line: ``{where}`` becomes the flags of ``where``, ``{runs}`` and ``places`` their paths."""
    words = []
    for template in templates:
        words += where(runs) if template == "{where}" else [template.format(runs=runs, **places)]
    return words


def make(runs: Path) -> Dataset:
    for step, arguments in (
        (make_sample_shop, [str(runs / "shop"), "--products", "40", "--size", "72"]),
        (import_dataset, [str(runs / "shop"), *where(runs)]),
        (split, where(runs)),
        (build_lmdb, [*where(runs), "--size", "72", "--engine", "torch"]),
        (make_prototxt, [*where(runs), "--variant", "multi_label", *NET]),
    ):
        assert step.main(arguments) == 0
    return Dataset("tiny", runs)
