"""The model card: what an exported net was trained on, what it gives, how well, and where it does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiweight.base import done, markup
from multiweight.base.paths import Run
from multiweight.retrieval.nearest import DEFAULT_K


def text(run: Run, snapshot: Path, about: Mapping[str, Any], settings: Mapping[str, Any], deviation: str) -> str:
    """Markdown for the run's ``export`` folder; figures only where the run has been evaluated."""
    evaluation = done.read(run.evaluation) if run.evaluation.exists() else {}
    k = evaluation.get("k", DEFAULT_K)
    gamma = settings.get("gamma", {})
    labels = sum(len(group["labels"]) for group in about["groups"])
    lines = [
        f"# {_shown(run.dataset.name)}: {_shown(run.variant)}", "",
        f"Labels of a product photo, and its feature `{about['features']}` for finding similar products. "
        f"Weights: `{snapshot.name}`.", "",
        "## Use", "",
        "    pip install onnxruntime numpy opencv-python-headless",
        "    python annotate.py PHOTO 0.5", "",
        f"`model.onnx` takes `data`: float32 (n, 3, {about['crop']}, {about['crop']}), BGR, 0 to 255, the middle of "
        f"the photo warped to {about['size']} x {about['size']}; the mean is subtracted inside. It gives "
        f"`{about['features']}` and the labels' probabilities, {len(about['probabilities'])} output(s) in the order of "
        "`catalog.json`.", "",
        "## Data", "",
        f"{_data(run)}{len(about['groups'])} groups, {labels} labels.", "",
        "## Groups", "", f"| group | labels | gamma | mAP@{k}, % |", "|---|---:|---:|---:|",
    ]  # fmt: skip
    for group in about["groups"]:
        name = group["name"]
        weight = f"{gamma[name]:.4g}" if name in gamma else ""
        measured = evaluation.get("groups", {}).get(name, {}).get("map")
        figure = "" if measured is None else f"{100 * measured:.2f}"
        lines.append(f"| {_shown(name)} | {len(group['labels'])} | {weight} | {figure} |")
    mean = evaluation.get("mean_map")
    lines += [
        "",
        f"Mean mAP@{k} on the test images: {100 * mean:.2f} %." if mean is not None else "The run is not evaluated.",
        f"onnxruntime's outputs differ from the training engine's by at most {deviation}.", "",
        "## Limits", "",
        "- It knows these labels alone, and photos like those of the shop: one product on a plain ground.",
        "- Its labels come from sellers' texts, which are wrong and missing in part; so are some of the net's.",
        "- A rare group's probabilities are low: choose a threshold for each group on photos of your own.",
        f"- mAP@{k} measures retrieval by the feature, not how often a label is right.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _shown(name: str) -> str:
    return markup.markdown(name)


def _data(run: Run) -> str:
    """The dataset's size, as packing has written it."""
    if not run.dataset.info.exists():
        return f"The dataset {_shown(run.dataset.name)}: "
    counts = done.read(run.dataset.info).get("counts", {})
    images = ", ".join(f"{counts[part]} to {part}" for part in ("train", "test") if part in counts)
    return f"The dataset {_shown(run.dataset.name)}{f', images: {images}' if images else ''}. "
