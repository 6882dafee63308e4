"""Evaluations, logs and times of a made-up dataset, for the tests of the report."""

from __future__ import annotations

import csv
import json
import math

import numpy as np

from multiweight.base.paths import Dataset

# Names as in the paper, names that are not, and one that Markdown would take for emphasis.
PROPORTIONS = {"Sleeve": 0.3, "Color": 1.0, "Collar": 0.1, "odd_name": 0.01, "Empty": 0.001}
MAPS = {
    "multi_label": (0.40, 0.80, 0.30, 0.20),
    "multi_task": (0.45, 0.70, 0.35, 0.20),
    "multi_weight": (0.50, 0.75, 0.30, 0.15),
    "multi_weight_third": (0.52, 0.78, 0.36, 0.25),
    "untrained": (0.20, 0.30, 0.15, 0.05),
    "random": (0.10, 0.20, 0.10, 0.02),
}
WEIGHTS = {"weights": "w.caffemodel", "weights_sha256": "0123456789abcdef"}
TRAINING = {
    "iterations": 1500,
    "seconds": 130.0,
    "engine": "caffe_torch 0.1",
    "device": "cpu",
    "images_per_second": 311.4,
}


def write(root, variants=MAPS, maps=MAPS, **changes) -> Dataset:
    """Write a run folder a variant; ``changes`` replace keys of every evaluation."""
    dataset = Dataset("synthetic", root)
    for variant in variants:
        write_variant(dataset, variant, maps[variant], **changes)
    return dataset


def write_variant(dataset, variant, maps, **changes):
    run = dataset.run(variant)
    run.root.mkdir(parents=True)
    trained = variant not in ("untrained", "random")
    weighted = trained and variant not in ("multi_label", "multi_task")
    gamma = {name: r if weighted else 1.0 for name, r in PROPORTIONS.items()} if trained else None
    groups = {
        name: {"map": value, "queries": 0 if value is None else 100, "unanswered": 0, "proportion": r}
        for (name, r), value in zip(PROPORTIONS.items(), [*maps, None])
    }
    settings = {"net": {"head": variant, "width": 0.5}, "solver": {"base_lr": 0.001}, "gamma_source": "Section IV-C"}
    evaluation = {
        "dataset": "synthetic",
        "variant": variant,
        "mean_map": math.fsum(maps) / len(maps),
        "scheme": ("proportion" if weighted else "ones") if trained else None,
        "c": None,
        "rescale": False,
        "gamma": gamma,
        "metric": "random" if variant == "random" else "cosine",
        "denominator": "retrieved",
        "k": 50,
        "groups": groups,
        "engine": None if variant == "random" else "caffe_torch 0.1 (PyTorch 2)",
        "features": {"seed": 1} if variant == "random" else WEIGHTS,
        "test": {"images": 1234, "records_sha256": "a", "catalog_sha256": "b"},
        "settings": settings if trained else {},
        "versions": {"python": "3.11", "numpy": "2.4"},
        "seconds": 2.5,
    }
    run.evaluation.write_text(json.dumps({**evaluation, **changes}))
    if trained:
        run.training.write_text(json.dumps(TRAINING))
        write_log(run.log, gamma, per_group=variant != "multi_label")


def write_log(path, gamma, per_group, points=200):
    generator = np.random.default_rng(len(str(path)))
    names = [f"loss_{name.lower()}" for name in gamma] if per_group else []
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", "phase", "loss", "lr", "seconds", *names])
        for n in range(points):
            iteration = n * 1500 // points
            parts = [(0.05 + math.exp(-n / 30)) * (1 + 0.2 * generator.random()) * 3 for _ in gamma]
            loss = sum(g * part for g, part in zip(gamma.values(), parts))
            shown = [f"{part:.5f}" for part in parts] if per_group else []
            writer.writerow([iteration, "train", f"{loss:.5f}", 0.001, n, *shown])
            if n % 40 == 39:
                higher = [f"{part * 1.2:.5f}" for part in parts] if per_group else []
                writer.writerow([iteration, "test", f"{loss * 1.2:.5f}", "", n, *higher])
