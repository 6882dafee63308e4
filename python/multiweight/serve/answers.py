"""What the trained methods say of photos: labels with their probabilities, and the nearest products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from multiweight.base.errors import UserError
from multiweight.paper.methods import title
from multiweight.serve.nets import Nets
from multiweight.serve.shop import Shop

#: Labels per group, and products per method, in one answer.
LABELS, PRODUCTS = 3, 12


def of_photo(
    nets: Nets, shop: Shop, methods: Sequence[str], pixels: np.ndarray, product: str = ""
) -> list[dict[str, Any]]:
    """One entry per method, for a photo (height, width, 3) BGR as decoded; products other than ``product``.

    A method that cannot answer has ``error``, one that finds no products ``no_products``: the reason.
    """
    return [_by_method(nets, shop, name, pixels, product) for name in methods]


def _by_method(nets: Nets, shop: Shop, name: str, pixels: np.ndarray, product: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": name, "name": title(name)}
    try:
        net = nets.get(name, shop)
        seen = net.see([net.packed_as(pixels)])
        products = net.products(seen.features[0], PRODUCTS, product)
    except UserError as error:
        return {**entry, "error": str(error)}
    return {
        **entry,
        "labels": likeliest(shop, seen.outputs[0]),
        "products": [
            {**shop.described(product_image.position), "score": round(product_image.score, 4)}
            for product_image in products
        ],
        "no_products": net.no_index,
    }


def likeliest(shop: Shop, outputs: np.ndarray, most: int = LABELS) -> dict[str, list[list[Any]]]:
    """The ``most`` labels of each group with the highest of the ``outputs`` (labels,): [[label, probability], ...]."""
    by_group = {}
    for group in shop.catalog.groups:
        values = outputs[shop.catalog.slices[group.name]]
        order = np.argsort(-values, kind="stable")[:most]
        by_group[group.name] = [[group.labels[m], round(float(values[m]), 4)] for m in order]
    return by_group


def predicted(nets: Nets, shop: Shop, method: str, pixels: Sequence[np.ndarray]) -> list[dict[str, list[list[Any]]]]:
    """The likeliest labels of several packed images (3, size, size) by one method."""
    if not pixels:
        return []
    outputs = nets.get(method, shop).see(pixels).outputs
    return [likeliest(shop, row, 1) for row in outputs]
