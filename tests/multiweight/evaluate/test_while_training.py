"""mAP of the images of one test, by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from multiweight.base.paths import Dataset
from multiweight.evaluate import while_training
from multiweight.records.catalog import Catalog


@pytest.fixture
def score(tmp_path):
    dataset = Dataset("d", tmp_path)
    dataset.data.mkdir(parents=True)
    Catalog.from_dict({"A": ["x", "y"], "B": ["z"]}).save(dataset.catalog)
    dataset.info.write_text(json.dumps({"counts": {"test": 3}}))
    return while_training.scorer(dataset)


FEATURES = np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)


def test_the_mean_over_groups_with_queries(score):
    # A: images 0 and 2 carry x, 1 carries y. Lists: 0 -> 1, 2; 1 -> 0, 2; 2 -> 1, 0. AP: 1/2, 0, 1/2. B: no label.
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert score(FEATURES, labels) == pytest.approx((0.5 + 0 + 0.5) / 3)
    # An unknown label, -1, is no label.
    assert score(FEATURES, np.array([[1, 0, -1], [0, 1, -1], [1, 0, -1]])) == pytest.approx(1 / 3)


def test_images_drawn_again_do_not_find_themselves(score):
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]])
    again = np.concatenate([FEATURES, FEATURES[:1]])
    assert score(again, labels) == pytest.approx(1 / 3)


def test_without_labels_or_with_features_that_are_not_finite_there_is_no_value(score):
    assert score(FEATURES, np.zeros((3, 3))) is None
    assert score(np.full((3, 2), np.inf), np.ones((3, 3))) is None
