"""A drawn shop small enough for a test: 30 products, packed at 32 x 32."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from multiweight.base import engine
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.datasets.sample_shop import shop
from multiweight.pack import packing
from multiweight.prepare import split

SETTINGS = shop.ShopSettings(products=30, size=64)


def caffe() -> ModuleType:
    return engine.select()


def drawn(folder: Path) -> Path:
    shop.make(folder / "shop", SETTINGS, progress=quiet)
    return folder / "shop"


def split_shop(folder: Path) -> Dataset:
    dataset = Dataset("shop", folder / "runs")
    importing.import_dataset(dataset, drawn(folder), progress=quiet)
    split.split_dataset(dataset)
    return dataset


def pack(dataset: Dataset, encoding: str = "raw", **options: Any) -> dict[str, Any]:
    settings = packing.Settings(size=32, encoding=encoding, **options)
    return packing.pack(caffe(), dataset, settings, progress=quiet)[0]
