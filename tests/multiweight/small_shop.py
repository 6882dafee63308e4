"""A drawn shop small enough for a test: 30 products, packed at 32 x 32."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from multiweight import datasets, engine, packing, split
from multiweight.datasets import sample_shop
from multiweight.progress import quiet
from multiweight.runs import Dataset

SETTINGS = sample_shop.ShopSettings(products=30, size=64)


def caffe() -> ModuleType:
    return engine.select()


def drawn(folder: Path) -> Path:
    sample_shop.make(folder / "shop", SETTINGS, progress=quiet)
    return folder / "shop"


def split_shop(folder: Path) -> Dataset:
    dataset = Dataset("shop", folder / "runs")
    datasets.import_dataset(dataset, drawn(folder), progress=quiet)
    split.split_dataset(dataset)
    return dataset


def pack(dataset: Dataset, encoding: str = "raw", **options: Any) -> dict[str, Any]:
    settings = packing.Settings(size=32, encoding=encoding, **options)
    return packing.pack(caffe(), dataset, settings, progress=quiet)[0]
