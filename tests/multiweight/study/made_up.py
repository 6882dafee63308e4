"""A made-up study and result files, for the tests of this folder."""

from __future__ import annotations

from multiweight.study import order, table, trial

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


def result(study, planned_trial, mean=0.3, status="done", **more):
    """What trial.run would have left for ``planned_trial``; the mean is that of two groups, 0.1 apart."""
    values = {
        "status": status, "points": [], "seconds": 10.0, "training_seconds": 9.0, "engine": "caffe_torch 1",
        "device": "cpu", "processor": "one, 2 cores", "threads": "1", "versions": {"python": "3"},
        "images": {"train": 8, "test": 3}, "proportions": GROUPS, "gamma": {"Colour": 1.0, "Coat": 0.25},
        "settings": trial.settings(study, planned_trial),
    }  # fmt: skip
    if status != "done":
        return {**values, "iteration": 3, **more}
    if planned_trial.purpose in order.REFERENCES:
        mean = {"untrained": 0.1 * planned_trial.seed, "random": 0.02}[planned_trial.purpose]
    steps = (
        study.measured(planned_trial.iterations) if planned_trial.purpose == order.FINAL else [planned_trial.iterations]
    )
    points = [{"iteration": n, "mean_map": mean * (n / planned_trial.iterations if n else 1)} for n in steps]
    values.update(points=points, groups={"Colour": mean + 0.05, "Coat": mean - 0.05}, queries={"Colour": 3, "Coat": 2})
    if planned_trial.purpose == order.FINAL:
        values["recognition"] = {"Colour": mean, "Coat": None}
    return {**values, **more}


def write(study, planned_trial, drawn=None, **values):
    """Put the result into the tables; ``drawn`` are the means over test images drawn anew."""
    trial_result = result(study, planned_trial, **values)
    if drawn is not None:
        trial_result["resamples"] = {"mean": drawn}
    table.add(trial.folder(study), planned_trial.name, trial_result)


def run_all(study, mean):
    """Leave a result for every trial of the study; ``mean(trial)`` is its mean mAP."""
    while True:
        results = trial.results(study)
        todo = [t for e in study.experiments for t in order.trials(study, e, results) if t.name not in results]
        if not todo:
            return
        for planned_trial in todo:
            value = mean(planned_trial)
            write(study, planned_trial, [value] * 200 if planned_trial.purpose == order.FINAL else None, mean=value)
