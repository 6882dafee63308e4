"""What the values of the steps' own JSON files are: one that was damaged, or edited, is told before it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Each:
    """An object with any keys, each value of the ``kind``."""

    kind: Any


@dataclass(frozen=True)
class OrNull:
    """A value of the ``kind``, or null."""

    kind: Any


_PARTS = {"train": int, "test": int}
_SHARE = OrNull(float)
_GROUP = {"map": _SHARE, "interval": OrNull(list), "proportion": float, "queries": int, "precision": _SHARE,
          "recall": _SHARE, "ndcg": _SHARE}  # fmt: skip
_NET = {"size": OrNull(int), "crop": OrNull(int), "width": float, "batch_size": int, "test_batch_size": int,
        "head": str, "trunk": str, "loss": str}  # fmt: skip
_SOLVER = {"base_lr": OrNull(float), "iterations": int, "stepsize": OrNull(int), "seed": OrNull(int)}
_WEIGHTS = {
    "variant": str,
    "scheme": OrNull(str),
    "c": OrNull(float),
    "rescale": OrNull(bool),
    "gamma": OrNull(Each(float)),
}

#: By the end of a file's name: its keys, as far as a step reads them. Missing ones are told when they are read.
FILES: dict[str, dict[str, Any]] = {
    "import.json": {
        "images": int, "products": int, "groups": int, "labels": int, "bad": int, "notes": list, "photos_sha256": str,
        "photos_state_sha256": str,
        "settings": {"source": str, "folder": str, "min_products": int, "inputs": Each(str)},
    },
    "clean.json": {"settings": dict},
    "split.json": {
        "images": _PARTS, "products": _PARTS, "products_on_both_sides": int, "test_fraction": float,
        "largest_deviation": Each({"name": str, "images": int, "test_share": float}), "one_sided": list,
        "near_duplicates": dict, "settings": dict,
    },
    "dataset.json": {
        "size": int, "counts": _PARTS, "products": _PARTS, "labels": int, "group_images": Each(int), "bad": int,
        "encoding": str, "seed": int, "seconds": float, "catalog_sha256": str, "settings": dict,
    },
    "packing.json": {"parts": Each({"images": int, "bad": list}), "settings": dict},
    "verify.json": {"in_both": int, "parts": dict},
    "settings.json": {**_WEIGHTS, "proportions": Each(float), "net": _NET, "solver": _SOLVER, "labels": int,
                      "retrieval_blob": str},
    "training.json": {"sums": Each(float), "count": int, "seconds": float, "lasting": bool, "weights": OrNull(str)},
    "train.json": {
        "iterations": int, "seconds": float, "images_per_second": float, "batch_size": int, "weights": OrNull(str),
        "engine": str, "device": str, "settings": {"prototxt_sha256": str},
    },
    "evaluation.json": {
        **_WEIGHTS, "mean_map": _SHARE, "mean_interval": OrNull(list), "precision": _SHARE, "recall": _SHARE,
        "ndcg": _SHARE, "metric": str, "denominator": str, "k": int, "candidates": str, "groups": Each(_GROUP),
        "recognition": OrNull(Each(dict)), "engine": OrNull(str), "features": dict, "test": {"images": int},
        "settings": dict, "versions": Each(OrNull(str)),
    },
}  # fmt: skip
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", list: "a list",
          dict: "an object"}  # fmt: skip


def problem(file: str, content: dict[str, Any]) -> str:
    """What is wrong with the content of the file of this name, ``""`` where nothing is known to be."""
    known = next((kinds for name, kinds in FILES.items() if file == name or file.endswith(f".{name}")), {})
    return _problem(content, known, "")


def _problem(value: Any, kind: Any, at: str) -> str:
    if isinstance(kind, OrNull):
        return "" if value is None else _problem(value, kind.kind, at)
    plain = dict if isinstance(kind, (dict, Each)) else kind
    fits = isinstance(value, (int, float) if plain is float else plain) and (
        plain is bool or not isinstance(value, bool)
    )
    if not fits:
        return f"{at} is {_short(value)}: expected {_WORDS[plain]}"
    if isinstance(kind, (dict, Each)):
        for name, inner in value.items():
            wanted = kind.kind if isinstance(kind, Each) else kind.get(name)
            problem = "" if wanted is None else _problem(inner, wanted, f"{at}.{name}" if at else name)
            if problem:
                return problem
    return ""


def _short(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
