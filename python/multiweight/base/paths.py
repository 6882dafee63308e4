"""Where a run's files lie: the one home of every derived path."""

from __future__ import annotations

import re
from pathlib import Path

from multiweight.base import make_variables
from multiweight.base.errors import UserError


class Dataset:
    """The packed data of one dataset, under ``<runs>/<name>/data``.

    ``runs`` is the folder of all runs, ``name`` the dataset's own name: letters of any script, digits, ``.``, ``_`` and
    ``-``.
    """

    def __init__(self, name: str, runs: str | Path = "runs"):
        if not re.fullmatch(r"[^\W_][\w.-]*", name):
            raise UserError(
                f"dataset name {name!r}: expected letters, digits, '.', '_' and '-' alone: "
                f"give it another: {make_variables.named('DATASET')}"
            )
        self.name = name
        self.root = Path(runs) / name
        self.data = self.root / "data"
        self.catalog = self.data / "catalog.yaml"
        self.records = self.data / "records.csv"
        self.cleaned_records = self.data / "records_cleaned.csv"
        self.cleaned = self.data / "cleaned.csv"
        self.partition = self.data / "partition.csv"
        self.bad_images = self.data / "bad_images.csv"
        self.near_duplicates = self.data / "near_duplicates.csv"
        # What each step writes last, with its settings (done.py).
        self.import_mark = self.data / "import.json"
        self.clean_mark = self.data / "clean.json"
        self.split_mark = self.data / "split.json"
        self.subset_mark = self.data / "subset.json"
        self.info = self.data / "dataset.json"
        self.verify_mark = self.data / "verify.json"
        self.statistics = self.data / "statistics.json"
        self.mean = self.data / "mean.binaryproto"
        self.report = self.root / "report"

    @property
    def used_records(self) -> Path:
        """The records that the next steps take: the cleaned ones where the dataset has been cleaned."""
        return self.cleaned_records if self.clean_mark.exists() else self.records

    def split(self, part: str) -> Path:
        """Records of ``part`` (``train`` or ``test``), as the split wrote them."""
        return self.data / f"{part}.csv"

    def packed(self, part: str) -> Path:
        """Records of ``part`` in the order of the LMDB, with their keys."""
        return self.data / f"{part}_packed.csv"

    def images(self, part: str, shard: str = "") -> Path:
        return self.data / f"{part}_images_lmdb{shard}"

    def labels(self, part: str, shard: str = "") -> Path:
        return self.data / f"{part}_labels_lmdb{shard}"

    def pixel_sums(self, part: str, shard: str = "") -> Path:
        """Sum of the pixels packed so far, kept while packing."""
        return self.data / f"{part}_pixels{shard}.npz"

    def packing(self, shard: str = "") -> Path:
        """What a packing that is not finished was begun with, and the parts that are done."""
        return self.data / f"packing{shard}.json"

    def run(self, variant: str) -> Run:
        return Run(self, variant)

    def variants(self) -> list[str]:
        """Names of the runs that have settings or an evaluation, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(
            p.name for p in self.root.iterdir() if (p / "settings.json").exists() or (p / "evaluation.json").exists()
        )


class Run:
    """The files of one variant on one dataset, under ``<runs>/<dataset>/<variant>``."""

    def __init__(self, dataset: Dataset, variant: str):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", variant) or variant in ("data", "report"):
            raise UserError(
                f"variant name {variant!r}: expected letters, digits, '.', '_' and '-', neither data nor report"
            )
        self.dataset = dataset
        self.variant = variant
        self.root = dataset.root / variant
        self.settings = self.root / "settings.json"
        self.gamma = self.root / "gamma.csv"
        self.train_val = self.root / "train_val.prototxt"
        self.deploy = self.root / "deploy.prototxt"
        self.solver = self.root / "solver.prototxt"
        self.snapshots = self.root / "snapshots"
        self.snapshot_prefix = self.snapshots / variant
        self.log = self.root / "log.csv"
        self.training = self.root / "train.json"
        self.features = self.root / "features.h5"
        self.probabilities = self.root / "probabilities.h5"
        self.retrieval = self.root / "retrieval.h5"
        self.search_state = self.root / "retrieval.state.npz"
        self.evaluation = self.root / "evaluation.json"

    def absent(self, path: Path, advice: str) -> UserError:
        """For a file of the run that is not there; where the run itself is not, the runs that are."""
        others = [] if self.root.is_dir() else self.dataset.variants()
        known = f"; the runs there are {', '.join(others)}" if others else ""
        return UserError(f"{path}: no such file: {advice}{known}")

    def snapshot(self, iteration: int, suffix: str = "caffemodel") -> Path:
        """The file that Caffe writes at ``iteration``; ``suffix`` is ``caffemodel`` or ``solverstate``."""
        return self.snapshots / f"{self.variant}_iter_{iteration}.{suffix}"

    def last_snapshot(self) -> int | None:
        """The largest iteration of which both files of a snapshot exist, or None."""
        iterations = [
            int(match.group(1))
            for path in self.snapshots.glob(f"{self.variant}_iter_*.solverstate")
            if (match := re.search(r"_iter_(\d+)$", path.stem)) and path.with_suffix(".caffemodel").exists()
        ]
        return max(iterations, default=None)
