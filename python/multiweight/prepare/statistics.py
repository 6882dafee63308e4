"""A dataset in figures: Table I, the proportions of Table II, and the long tail of its labels."""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from multiweight.base import fonts, markup
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record


def count(items: Iterable[Record], catalog: Catalog) -> dict[str, Any]:
    """Figures of records.

    ``images``, ``products``, ``groups``, ``labels``; ``group_sizes``: largest, smallest, mean and (population)
    standard deviation of the labels per group, as Table I; ``labels_an_image``; ``group_images`` and
    ``proportions`` r_t, a group's images by the largest group's (Table II); ``label_images``: group -> label -> images.
    """
    images = carried = 0
    products: set[str] = set()
    groups: Counter[str] = Counter()
    labels: Counter[tuple[str, str]] = Counter()
    for item in items:
        images += 1
        carried += len(item.labels)
        products.add(item.product)
        groups.update(item.groups)
        labels.update(item.labels)
    sizes = [group.size for group in catalog.groups]
    mean = sum(sizes) / len(sizes)
    largest = max(groups.values(), default=0)
    return {
        "images": images,
        "products": len(products),
        "groups": len(sizes),
        "labels": catalog.size,
        "group_sizes": {
            "max": max(sizes),
            "min": min(sizes),
            "mean": mean,
            "std": math.sqrt(sum((size - mean) ** 2 for size in sizes) / len(sizes)),
        },
        "labels_an_image": carried / max(images, 1),
        "group_images": {name: groups[name] for name in catalog.names},
        "proportions": {name: groups[name] / max(largest, 1) for name in catalog.names},
        "label_images": {
            group.name: {label: labels[group.name, label] for label in group.labels} for group in catalog.groups
        },
    }


def markdown(name: str, parts: dict[str, dict[str, Any]], figure: str = "") -> str:
    """The page: ``parts`` maps train, test or all to their figures; the first decides the proportions."""
    first = next(iter(parts.values()))
    lines = [f"# {name} in figures", "", "As the paper's Table I:", ""]
    lines += ["| | " + " | ".join(parts) + " |", "|---|" + "---|" * len(parts)]
    for title, key in (("images", "images"), ("products", "products"), ("labels an image", "labels_an_image")):
        values = [
            f"{figures[key]:,}" if isinstance(figures[key], int) else f"{figures[key]:.2f}"
            for figures in parts.values()
        ]
        lines.append(f"| {title} | " + " | ".join(values) + " |")
    sizes = first["group_sizes"]
    lines += [
        "",
        f"{first['groups']} groups, {first['labels']} labels; labels a group: max {sizes['max']}, min {sizes['min']}, "
        f"mean {sizes['mean']:.1f}, standard deviation {sizes['std']:.1f}.",
        "",
        "As Table II's column: a group's images, and its proportion, by the group of the most images:",
        "",
        "| group | labels | " + " | ".join(f"{part} images" for part in parts) + " | proportion |",
        "|---|---|" + "---|" * (len(parts) + 1),
    ]
    order = sorted(first["proportions"], key=lambda group: -first["proportions"][group])
    for group in order:
        counts = " | ".join(f"{figures['group_images'][group]:,}" for figures in parts.values())
        size = len(first["label_images"][group])
        lines.append(f"| {markup.markdown(group)} | {size} | {counts} | {first['proportions'][group]:.4f} |")
    if figure:
        lines += ["", f"![Images of each group and of each label]({figure})"]
    return "\n".join(lines) + "\n"


def chart(figures: dict[str, Any], path: Path, name: str) -> None:
    """The long tail as PNG: images of each group, and of each label in falling order, on logarithmic axes."""
    figure_class = importlib.import_module("matplotlib.figure").Figure
    figure = figure_class(figsize=(9, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [2, 1.4]})
    groups = sorted(figures["group_images"].items(), key=lambda entry: -entry[1])
    left.bar(range(len(groups)), [max(n, 0.5) for _, n in groups], color="#4477aa")
    left.set_xticks(range(len(groups)), [markup.figure(group) for group, _ in groups], rotation=90, fontsize=7)
    left.set(yscale="log", ylabel="images", title=markup.figure(f"{name}: groups"))
    labels = sorted((n for found_ in figures["label_images"].values() for n in found_.values()), reverse=True)
    right.plot(range(1, len(labels) + 1), [max(n, 0.5) for n in labels], color="#aa3377")
    right.set(xscale="log", yscale="log", xlabel="label, by rank", ylabel="images", title=f"{len(labels)} labels")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    fonts.write(figure, path, dpi=110)
