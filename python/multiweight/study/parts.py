"""The data of a study: the packed dataset, its subsets of two groups, and of each a part to validate on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from multiweight import datasets, engine, packing, split, steps, subsets
from multiweight.catalog import Catalog
from multiweight.errors import UserError
from multiweight.runs import Dataset
from multiweight.study.design import Experiment, Study, Subset

WHOLE = "whole"
VALIDATION = "validation"


def name(subset: Subset | None) -> str:
    """The short name of an experiment's data, for results and folders: ``whole``, or ``large-small-10``."""
    if subset is None:
        return WHOLE
    both = f"{subset.large}-{subset.small}-{subset.ratio:g}"
    return re.sub(r"[^A-Za-z0-9.]+", "-", both).strip("-.").lower()


def dataset(study: Study, runs: str | Path, data: str, validation: bool) -> Dataset:
    """Where the data called ``data`` lies under ``runs``, or its division for the search of a rate."""
    own = study.dataset if data == WHOLE else f"{study.dataset}-{data}"
    return Dataset(f"{own}-{VALIDATION}" if validation else own, runs)


def make(
    study: Study, experiments: tuple[Experiment, ...], runs: str | Path, source: str | Path | None = None
) -> Iterator[str]:
    """Pack what the experiments need and is not there yet; yields a line on each part made.

    ``source`` is the folder to import the dataset from, where it is not packed yet. UserError where the dataset is not
    packed and there is no source, is of another size, or lacks a group of a subset.
    """
    whole = Dataset(study.dataset, runs)
    if source is not None and not whole.info.exists():
        datasets.import_dataset(whole, Path(source))
        yield from _pack(study, whole)
    if not whole.info.exists():
        raise UserError(f"{whole.info}: no such file: give --data, the folder to import {whole.name} from")
    info = steps.read(whole.info)
    if info.get("size") != study.size:
        raise UserError(f"{whole.info}: packed at {info.get('size')} pixels, the study wants {study.size}: pack again")
    known = Catalog.load(whole.catalog).names
    for subset in dict.fromkeys(one.subset for one in experiments if one.subset):
        for group in (subset.large, subset.small):
            if group not in known:
                raise UserError(f"{study.folder}: group {group!r} is unknown: {whole.name} has {', '.join(known)}")
    for experiment in experiments:
        data = name(experiment.subset)
        own = dataset(study, runs, data, False)
        if experiment.subset:
            of = experiment.subset
            subsets.make(whole, own, of.large, of.small, of.ratio, of.kind, study.search.seed)
            yield from _pack(study, own)
        if experiment.rate is None:
            division = dataset(study, runs, data, True)
            _divide(own, division)
            yield from _pack(study, division)


def _divide(own: Dataset, division: Dataset) -> None:
    """The training records of ``own`` as the records of ``division``, ready to be split by product."""
    origin = steps.sha256(own.split("train"))
    if division.records.exists() and steps.sha256(division.records) != origin:
        raise UserError(f"{division.root}: of other training images than {own.name} has now: delete the folder")
    if not division.records.exists():
        division.data.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own.catalog, division.catalog)
        shutil.copyfile(own.data / datasets.MARK, division.data / datasets.MARK)
        part = division.records.with_suffix(".part")
        shutil.copyfile(own.split("train"), part)
        part.rename(division.records)


def _pack(study: Study, made: Dataset) -> Iterator[str]:
    split.split_dataset(made, seed=study.search.seed)
    info, done = packing.pack(engine.messages(), made, packing.Settings(size=study.size, seed=study.search.seed))
    if done:
        counts = info["counts"]
        yield f"packed {made.name}: {counts['train']} images to train, {counts['test']} to measure"
