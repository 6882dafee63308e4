"""The data of a study: the packed dataset, subsets of two groups, drawn shops; and of each a part to validate on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from multiweight.base import done as steps
from multiweight.base import engine, make_variables, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.datasets import importing
from multiweight.datasets.sample_shop import shop as sample_shop
from multiweight.datasets.sample_shop.shop import ShopSettings
from multiweight.pack import packing
from multiweight.prepare import split, subsets
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.study.design import Experiment, Shop, Study

WHOLE = "whole"
VALIDATION = "validation"


def name(experiment: Experiment) -> str:
    """The short name of an experiment's data, for results and folders.

    ``whole``; ``large-small-10`` of a subset; and of a drawn shop all that differs from the sample shop's own settings.
    """
    if experiment.shop is not None:
        text = _shop_name(experiment.shop.settings)
    elif experiment.subset is not None:
        text = f"{experiment.subset.large}-{experiment.subset.small}-{experiment.subset.ratio:g}"
    else:
        return WHOLE
    return _file_name(text)


def searched_on(experiment: Experiment) -> str:
    """The name of the data on which rates are searched: the experiment's own, or the first shop's of its position."""
    if experiment.shop is not None and experiment.shop.first is not None:
        return _file_name(_shop_name(experiment.shop.first))
    return name(experiment)


def _shop_name(settings: ShopSettings) -> str:
    own = asdict(settings)
    return "-".join(["shop", *(f"{k}{own[k]:g}" for k, v in asdict(sample_shop.DEFAULTS).items() if own[k] != v)])


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.").lower()


def dataset(study: Study, runs: str | Path, data: str, validation: bool) -> Dataset:
    """Where the data called ``data`` lies under ``runs``, or its division for the search of a rate."""
    own = study.dataset if data == WHOLE else f"{study.dataset}-{data}"
    return Dataset(f"{own}-{VALIDATION}" if validation else own, runs)


def make(
    study: Study, experiments: tuple[Experiment, ...], runs: str | Path, source: str | Path | None = None
) -> Iterator[str]:
    """Pack what the experiments need and is not there yet; yields a line on each part made.

    ``source`` is the folder to import the dataset from, where it is not packed yet; experiments on drawn shops need
    none. UserError where the dataset is not packed and there is no source, is of another size, or lacks a group of a
    subset.
    """
    if any(experiment_of_shop.shop is None for experiment_of_shop in experiments):
        yield from _whole(study, experiments, runs, source)
    for experiment in experiments:
        data = name(experiment)
        own = dataset(study, runs, data, False)
        if experiment.shop is not None:
            _draw(experiment.shop, own)
            split.split_dataset(own, seed=study.search.seed)
            _tell_the_truth(own)
            yield from _pack(study, own)
        elif experiment.subset is not None:
            of = experiment.subset
            how = subsets.Settings(of.ratio, of.kind, study.search.seed)
            subsets.make(Dataset(study.dataset, runs), own, of.large, of.small, how)
            yield from _pack(study, own)
        if experiment.rate is None and data == searched_on(experiment):
            division = dataset(study, runs, data, True)
            _divide(own, division)
            yield from _pack(study, division)


def _whole(
    study: Study, experiments: tuple[Experiment, ...], runs: str | Path, source: str | Path | None
) -> Iterator[str]:
    """The study's own dataset, packed from ``source`` where it is not yet, and right for the experiments."""
    whole = Dataset(study.dataset, runs)
    if source is not None and not whole.info.exists():
        importing.import_dataset(whole, Path(source))
        yield from _pack(study, whole)
    if not whole.info.exists():
        raise UserError(
            f"{whole.info}: no such file: give {make_variables.named('DATA')}, the folder to import {whole.name} from"
        )
    info = steps.read(whole.info)
    if info.get("size") != study.size:
        raise UserError(f"{whole.info}: packed at {info.get('size')} pixels, the study wants {study.size}: pack again")
    known = Catalog.load(whole.catalog).names
    for subset in dict.fromkeys(experiment.subset for experiment in experiments if experiment.subset):
        for group in (subset.large, subset.small):
            if group not in known:
                raise UserError(f"{study.folder}: group {group!r} is unknown: {whole.name} has {', '.join(known)}")


def _draw(shop: Shop, own: Dataset) -> None:
    sample_shop.make(own.root / "shop", shop.settings)
    importing.import_dataset(own, own.root / "shop")


def _tell_the_truth(own: Dataset) -> None:
    """The test images of a drawn shop carry their true labels; those to train on keep the noisy ones."""
    truth = {item.image: item for item in records.read(own.root / "shop" / sample_shop.TRUTH)}
    test = records.read(own.split("test"))
    records.write(own.split("test"), [truth[item.image] for item in test])


def _divide(own: Dataset, division: Dataset) -> None:
    """The training records of ``own`` as the records of ``division``, ready to be split by product."""
    origin = steps.sha256(own.split("train"))
    if division.records.exists() and steps.sha256(division.records) != origin:
        raise UserError(f"{division.root}: of other training images than {own.name} has now: delete the folder")
    if not division.records.exists():
        division.data.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own.catalog, division.catalog)
        shutil.copyfile(own.import_mark, division.import_mark)
        with whole_file.place(division.records) as partial:
            shutil.copyfile(own.split("train"), partial)


def _pack(study: Study, made: Dataset) -> Iterator[str]:
    split.split_dataset(made, seed=study.search.seed)
    info, done = packing.pack(engine.messages(), made, packing.Settings(size=study.size, seed=study.search.seed))
    if done:
        counts = info["counts"]
        yield f"packed {made.name}: {counts['train']} images to train, {counts['test']} to measure"
