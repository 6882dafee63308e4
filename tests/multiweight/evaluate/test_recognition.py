from __future__ import annotations

import warnings

import numpy as np
import pytest
import unchecked
from hypothesis import given, settings
from hypothesis import strategies as st

from multiweight.base.errors import UserError
from multiweight.evaluate import recognition
from multiweight.records.catalog import Catalog

CATALOG = Catalog.from_dict({"Colour": ["red", "blue", "green", "grey"], "Lace": ["yes"]})


def test_by_hand():
    labels = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    outputs = np.array(
        [[0.9, 0.1, 0.2, 0.3, 0.1], [0.6, 0.5, 0.4, 0.3, 0.1], [0.4, 0.3, 0.2, 0.1, 0.1], [0.2, 0.2, 0.2, 0.6, 0.1]]
    )
    result = recognition.scores(outputs, labels, CATALOG)
    # red ranks its image first, blue too, green its image last of three equals, which enter together.
    assert result["Colour"]["labels"] == {"red": 1.0, "blue": 1.0, "green": 1 / 4, "grey": None}
    assert result["Colour"]["map"] == pytest.approx(9 / 12)
    # Named: red of 0, red and blue of 1, grey of 3: 2 right of 4 named and 3 there.
    assert result["Colour"]["micro_f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert result["Colour"]["macro_f1"] == pytest.approx((2 / 3 + 1 + 0 + 0) / 4)
    assert result["Colour"]["top"] == {"1": pytest.approx(1 / 3), "3": 1.0}
    assert result["Lace"] == {"map": None, "labels": {"yes": None}, "micro_f1": None, "macro_f1": None, "top": {}}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10**6), st.booleans())
def test_agrees_with_scikit_learn(n, size, seed, ties):
    sklearn = unchecked.package("sklearn.metrics", "average precision beside scikit-learn's")
    generator = np.random.default_rng(seed)
    outputs, truth = generator.random((n, size)), generator.random((n, size)) < 0.3
    outputs = np.round(outputs, 1) if ties else outputs
    for m in range(size):
        ours = recognition.label_ap(outputs[:, m], truth[:, m])
        if truth[:, m].any():
            assert ours == pytest.approx(sklearn.average_precision_score(truth[:, m], outputs[:, m]), abs=1e-12)
        else:
            assert ours is None
    named = outputs >= 0.5
    micro, macro = recognition.f1(named, truth)
    used = (named | truth).any(axis=0)
    if used.any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert micro == pytest.approx(sklearn.f1_score(truth, named, average="micro"))
            each = sklearn.f1_score(truth, named, average=None)
        assert macro == pytest.approx(each[used].mean())
    single = np.flatnonzero(truth.sum(axis=1) == 1)
    if len(single) and not ties and size > 2:
        theirs = sklearn.top_k_accuracy_score(truth[single].argmax(1), outputs[single], k=2, labels=range(size))
        assert recognition.top_accuracy(outputs[single], truth[single], 2) == pytest.approx(theirs)


def test_other_shapes_are_an_error():
    with pytest.raises(UserError, match="catalog of 5"):
        recognition.scores(np.zeros((2, 4)), np.zeros((2, 4), bool), CATALOG)
