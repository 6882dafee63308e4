"""What the sample shop sells: its groups, their labels, and products drawn from them by a seed.

The groups' proportions are heavy-tailed, as a shop's are: from every product (Color, Garment) down to one in a
thousand (Brooch). Each label is visible in the drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from multiweight.records.catalog import Catalog

GARMENTS = {
    "t-shirt": 22,
    "dress": 16,
    "shirt": 13,
    "trousers": 11,
    "sweater": 10,
    "skirt": 8,
    "jacket": 7,
    "coat": 6,
    "shorts": 5,
    "jumpsuit": 2,
}
COLORS = {
    "black": 20,
    "white": 15,
    "blue": 13,
    "grey": 11,
    "red": 9,
    "navy": 8,
    "green": 7,
    "pink": 6,
    "beige": 4,
    "brown": 3,
    "yellow": 2,
    "purple": 1.5,
    "orange": 1,
}
BOTTOMS = {"trousers", "skirt", "shorts"}
TOPS = set(GARMENTS) - BOTTOMS
SLEEVES = {
    "t-shirt": {"short": 75, "sleeveless": 15, "long": 10},
    "dress": {"sleeveless": 45, "short": 35, "long": 12, "three-quarter": 8},
    "shirt": {"long": 65, "short": 25, "three-quarter": 10},
    "jumpsuit": {"sleeveless": 60, "short": 40},
    "sweater": {"long": 85, "three-quarter": 15},
    "jacket": {"long": 95, "three-quarter": 5},
    "coat": {"long": 100},
}
LENGTHS = {
    "dress": {"knee": 50, "mini": 30, "maxi": 20},
    "skirt": {"knee": 45, "mini": 40, "maxi": 15},
    "coat": {"knee": 60, "maxi": 40},
}


class Detail(NamedTuple):
    """A group that a ``share`` of all products carries, among the ``garments`` that can, with the labels' weights."""

    name: str
    share: float
    garments: set[str]
    labels: dict[str, float]


DETAILS = (
    Detail("Collar", 0.5, TOPS, {"v-neck": 30, "shirt collar": 30, "turtleneck": 15, "lapel": 15, "boat neck": 10}),
    Detail(
        "Pattern",
        0.4,
        set(GARMENTS),
        {"horizontal stripes": 35, "checks": 25, "dots": 20, "vertical stripes": 14, "zigzag": 6},
    ),
    Detail("Closure", 0.2, {"shirt", "jacket", "coat", "sweater", "dress"}, {"buttons": 65, "zip": 30, "toggles": 5}),
    Detail("Pocket", 0.1, set(GARMENTS) - {"skirt"}, {"patch": 50, "chest": 30, "slanted": 20}),
    Detail("Hem", 0.05, {"t-shirt", "dress", "skirt", "sweater"}, {"contrast band": 50, "ruffle": 30, "lace": 20}),
    Detail("Belt", 0.02, {"dress", "coat", "trousers", "skirt", "shorts", "jumpsuit"}, {"narrow": 60, "wide": 40}),
    Detail("Hood", 0.01, {"jacket", "coat", "sweater"}, {"plain": 70, "fur": 30}),
    Detail("Print", 0.004, {"t-shirt", "sweater", "dress"}, {"star": 50, "heart": 35, "sun": 15}),
    Detail("Brooch", 0.001, {"dress", "coat", "jacket"}, {"flower": 70, "bow": 30}),
)


class Product(NamedTuple):
    """A product as it is drawn: its true label per group (``labels``), and the second colour of pattern and trim."""

    name: str
    labels: dict[str, str]
    second_color: str

    @property
    def truth(self) -> tuple[tuple[str, str], ...]:
        """The true (group, label) pairs in the catalog's order; a pattern shows its second colour too."""
        pairs = []
        for group, label in self.labels.items():
            pairs.append((group, label))
            if group == "Color" and "Pattern" in self.labels:
                pairs.append((group, self.second_color))
        return tuple(pairs)


def catalog() -> Catalog:
    """The shop's catalog: 13 groups, from the most to the least frequent."""
    groups: dict[str, object] = {
        "Color": list(COLORS),
        "Garment": {"kind": "type", "labels": list(GARMENTS)},
        "Sleeve": ["short", "long", "sleeveless", "three-quarter"],
        "Collar": list(DETAILS[0].labels),
        "Pattern": list(DETAILS[1].labels),
        "Length": ["knee", "mini", "maxi"],
    }
    groups.update({detail.name: list(detail.labels) for detail in DETAILS[2:]})
    return Catalog.from_dict(groups)


def products(count: int, seed: int, tail: float = 1.0) -> list[Product]:
    """``count`` products (12 or more) of a seed.

    Each detail is on its share of them, and on at least two, so that both parts of a split see it. ``tail`` is the
    power to which the shares are raised: 0 gives every product all details that it has room for, 1 the shop's own
    heavy tail, more a heavier one.
    """
    rng = np.random.RandomState(seed)
    garments = [_choice(rng, GARMENTS) for _ in range(count)]
    # The smallest shop too has what each detail needs.
    for number, garment in enumerate(("dress", "jacket") * 3):
        if garments.count(garment) < 3:
            garments[number] = garment
    labels: list[dict[str, str]] = []
    for garment in garments:
        labels.append({"Color": _choice(rng, COLORS), "Garment": garment})
        if garment in SLEEVES:
            labels[-1]["Sleeve"] = _choice(rng, SLEEVES[garment])
        if garment in LENGTHS:
            labels[-1]["Length"] = _choice(rng, LENGTHS[garment])
    for detail in reversed(DETAILS):  # the rarest first, so that the others make way
        able = [n for n in range(count) if labels[n]["Garment"] in detail.garments and _room(detail, labels[n])]
        chosen = rng.permutation(len(able))[: max(2, round(detail.share**tail * count))]
        for n in sorted(able[position] for position in chosen):
            labels[n][detail.name] = _choice(rng, _room(detail, labels[n]))
    order = {name: n for n, name in enumerate(catalog().names)}
    width = len(str(count))
    return [
        Product(
            f"p{n + 1:0{width}d}",
            {group: chosen_labels[group] for group in sorted(chosen_labels, key=order.__getitem__)},
            _second(rng, chosen_labels["Color"]),
        )
        for n, chosen_labels in enumerate(labels)
    ]


def _room(detail: Detail, labels: Mapping[str, str]) -> dict[str, float]:
    """The detail's labels, with their weights, that would not hide what a product already has in the drawing."""
    if detail.name in ("Pattern", "Closure") and "Print" in labels:
        return {}
    hidden = set()
    if detail.name == "Collar" and "Hood" in labels:
        hidden = {"turtleneck", "shirt collar", "lapel"}
    elif detail.name == "Collar" and "Print" in labels:
        hidden = {"lapel"}
    return {label: weight for label, weight in detail.labels.items() if label not in hidden}


def _choice(rng: np.random.RandomState, weights: Mapping[str, float]) -> str:
    names = list(weights)
    shares = np.array([weights[name] for name in names], float)
    return names[int(np.searchsorted(np.cumsum(shares), rng.random_sample() * shares.sum(), side="right"))]


def _second(rng: np.random.RandomState, first: str) -> str:
    """A colour that stands out against the first."""
    dark: Sequence[str] = ("black", "blue", "navy", "brown", "purple", "red", "green")
    weights = {name: weight for name, weight in COLORS.items() if (name in dark) != (first in dark)}
    return _choice(rng, weights)
