"""A made-up study and result files, for the tests of this folder."""

from __future__ import annotations

import json

import numpy as np

from multiweight.study import order, trial

TEXT = """
dataset: shop
size: 64
net: {width: 0.05, batch_size: 4}
iterations: 8
points: 2
seeds: [1, 2]
search: {rates: [0.001, 0.002], iterations: 4, extensions: 1}
experiments:
  - name: core
    question: Does it help?
    methods: [multi_label, multi_weight]
  - name: one-rate
    rate: 0.002
    lengths: {multi_weight: 16}
    methods: [multi_weight, {scheme: proportion, rescale: true}]
"""
GROUPS = {"Colour": 1.0, "Coat": 0.25}


def folder(tmp_path, text=TEXT):
    tmp_path.mkdir(parents=True, exist_ok=True)
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def result(one, mean=0.3, status="done", **more):
    """What trial.run would have left for ``one``; the mean is that of two groups, 0.1 apart."""
    points = [
        {"iteration": one.iterations * n // 2, "mean_map": mean * n / 2, "queries": {"Colour": 3, "Coat": 2},
         "groups": {"Colour": mean * n / 2 + 0.05, "Coat": mean * n / 2 - 0.05}}
        for n in (1, 2)
    ]  # fmt: skip
    found = {
        "status": status, "points": points if status == "done" else [], "seconds": 10.0, "engine": "caffe_torch 1",
        "device": "cpu", "processor": "one, 2 cores", "images": {"train": 8, "test": 3}, "proportions": GROUPS,
        "gamma": {"Colour": 1.0, "Coat": 0.25}, "iteration": 3, **more,
        "settings": {"purpose": one.purpose, "data": one.data, "method": one.method and one.method.name,
                     "rate": one.rate, "seed": one.seed, "iterations": one.iterations},
    }  # fmt: skip
    if one.method is None:
        point = {"iteration": 0, "mean_map": 0.1, "groups": {"Colour": 0.15, "Coat": 0.05}, "queries": {}}
        found.update(untrained=[{"seed": 1, **point}, {"seed": 2, **point, "mean_map": 0.2}], random=point)
    return found


def write(study, one, precision=None, **values):
    path = trial.path(study, one)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result(one, **values)), encoding="utf-8")
    if precision is not None:
        np.savez_compressed(trial.precision_path(study, one.name), ap=np.array(precision, np.float16))


def run_all(study, mean):
    """Leave a result for every trial of the study; ``mean(trial)`` is its mean mAP."""
    while True:
        results = trial.results(study)
        todo = [t for e in study.experiments for t in order.trials(study, e, results) if t.name not in results]
        if not todo:
            return
        for one in todo:
            value = mean(one)
            write(study, one, [[value, value], [value, np.nan], [value, value]], mean=value)
