"""What a report says in words, and its figures label by label, by hand."""

from __future__ import annotations

import csv
import json

import h5py
import numpy as np
import pytest

import synthetic_runs
from multiweight.evaluate.intervals import Difference
from multiweight.records.catalog import Catalog
from multiweight.report import conclusion, labels, results
from multiweight.report.comparisons import Comparison


def difference(mean, p):
    return Difference(np.array([mean]), np.array([p]), mean, p)


@pytest.fixture
def evaluations(tmp_path):
    return results.load(synthetic_runs.write(tmp_path))


def test_the_leader_and_how_far_the_others_are_behind(evaluations):
    methods = {r.variant: r for r in evaluations}
    third, weight = methods["multi_weight_third"], methods["multi_weight"]
    pairs = [
        Comparison(weight, third, difference(0.0525, 0.001)),
        Comparison(methods["multi_label"], third, difference(0.0525, 0.3)),
    ]
    concluded = conclusion.of(evaluations, pairs)
    assert concluded.lead == "multi-weight 1/3 leads with a mean mAP@50 of 47.75 over 4 groups."
    assert {line.variant: line.text for line in concluded.others} == {
        "multi_label": "5.25 points behind (not clear, p = 0.3)",
        "multi_task": "5.25 points behind (not tested)",
        "multi_weight": "5.25 points behind (clear, p = 0.001)",
    }
    assert concluded.caution == ""


def test_runs_of_different_length_and_a_single_run_say_so(tmp_path):
    dataset = synthetic_runs.write(tmp_path, variants=("multi_label", "multi_task"))
    training = dict(synthetic_runs.TRAINING, iterations=700)
    dataset.run("multi_task").training.write_text(json.dumps(training))
    concluded = conclusion.of(results.load(dataset), [])
    assert [line.text for line in concluded.others] == ["equal in the mean"]
    assert "different length" in concluded.caution and "multi-label 1,500, multi-task 700" in concluded.caution
    alone = synthetic_runs.write(tmp_path / "b", variants=("multi_label", "random"))
    assert conclusion.of(results.load(alone), []).lead.startswith("multi-label alone was evaluated: mean mAP@50 42.50")
    none = synthetic_runs.write(tmp_path / "c", variants=("random",))
    assert conclusion.of(results.load(none), []) is None


def test_a_labels_map_and_what_is_seen_instead(tmp_path):
    dataset = synthetic_runs.write(tmp_path, variants=("multi_label",))
    dataset.data.mkdir()
    Catalog.from_dict({"Sleeve": ["long", "short", "none"]}).save(dataset.catalog)
    rows = [("0", "long"), ("1", "long"), ("2", "short"), ("3", "long")]
    with dataset.packed("test").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "image", "product", "labels"])
        writer.writerows([key, f"{key}.jpg", f"p{key}", f"Sleeve={label}"] for key, label in rows)
    with h5py.File(str(dataset.run("multi_label").retrieval), "w") as file:
        file["indices"] = np.array([[2, 1], [2, 3], [0, 1], [2, -1]], np.int32)
        file["ap"] = np.array([[0.5], [0.5], [0.0], [0.8]], np.float32)
    table = labels.table(dataset, results.load(dataset))
    # Queries 0, 1, 3 carry long: mAP (0.5 + 0.5 + 0.8) / 3; of their five results three are short.
    assert table.rows == [
        ["Sleeve", "long", "3", "**60.00**", "short 60%"],
        ["Sleeve", "short", "1", "**0.00**", "long 100%"],
        ["Sleeve", "none", "0", "–", "–"],
    ]
    lists = labels.Lists(dataset, results.load(dataset), "multi_label")
    assert [key for key, _ in lists.worst("Sleeve", 2)] == ["2", "0"]
