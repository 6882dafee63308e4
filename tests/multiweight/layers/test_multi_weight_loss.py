"""The loss layer on its own, with plain arrays for blobs; inside nets it is tested in test_nets.py."""

import ast
import importlib
import json
import sys
from math import log
from pathlib import Path

import numpy as np
import pytest
from plain_blobs import Blob

import caffe_torch
import multiweight

PACKAGE = Path(multiweight.__file__).parent
FILE = PACKAGE / "layers" / "multi_weight_loss.py"


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setitem(sys.modules, "caffe", caffe_torch)
    layer_class = importlib.import_module("multiweight.layers.multi_weight_loss").MultiWeightLossLayer

    def build(scores, labels, gamma, report=False, dtype=np.float64, groups=None, tops=None):
        bottom = [Blob(np.asarray(x, dtype)) for x in (*scores, labels)]
        top = [Blob(np.zeros(1)) for _ in range(tops or (1 + len(scores) if report else 1))]
        layer = layer_class.__new__(layer_class)
        layer.param_str = json.dumps({"groups": groups or [f"group {t}" for t in range(len(gamma))], "gamma": gamma})
        layer.setup(bottom, top)
        layer.reshape(bottom, top)
        return layer, bottom, top

    return build


def test_hand_worked(make):
    # Two images, groups of 2 and 1 labels. At score 0 a label costs log 2; at score log 3, p^ = 3/4.
    a, b = [[0, log(3)], [0, 0]], [[log(3)], [0]]
    labels = [[1, 1, 0], [0, 0, 1]]
    layer, bottom, top = make([a, b], labels, [1.0, 0.5], report=True)
    layer.forward(bottom, top)
    j0 = (log(2) + log(4 / 3) + 2 * log(2)) / 2
    j1 = (log(4) + log(2)) / 2
    assert top[1].data[0] == pytest.approx(j0) and top[2].data[0] == pytest.approx(j1)
    assert top[0].data[0] == pytest.approx(j0 + 0.5 * j1)
    top[0].diff[...] = 1
    layer.backward(top, [True, True, False], bottom)
    # gamma_t (p^ - p) / 2
    assert bottom[0].diff == pytest.approx(np.array([[-0.25, -0.125], [0.25, 0.25]]))
    assert bottom[1].diff == pytest.approx(np.array([[0.5 * 0.75 / 2], [-0.5 * 0.5 / 2]]))


def random_case(rng, images=5, sizes=(3, 1, 4)):
    scores = [rng.normal(0, 3, (images, size)) for size in sizes]
    labels = rng.integers(0, 2, (images, sum(sizes), 1, 1)).astype(float)
    return scores, labels


def test_gradients_agree_with_finite_differences(make):
    rng = np.random.default_rng(0)
    scores, labels = random_case(rng)
    layer, bottom, top = make(scores, labels, [1.0, 0.3, 0.0002], report=True)
    # Every top has a diff, as with loss_weight on the reporting tops too.
    weights = np.array([0.7, 0.0, 2.0, 0.25])

    def objective():
        layer.forward(bottom, top)
        return sum(w * blob.data[0] for w, blob in zip(weights, top))

    objective()
    for weight, blob in zip(weights, top):
        blob.diff[...] = weight
    layer.backward(top, [True] * 3 + [False], bottom)
    step = 1e-5
    for blob in bottom[:3]:
        numeric = np.zeros_like(blob.data)
        for index in np.ndindex(*blob.data.shape):
            blob.data[index] += step
            above = objective()
            blob.data[index] -= 2 * step
            numeric[index] = (above - objective()) / (2 * step)
            blob.data[index] += step
        assert blob.diff == pytest.approx(numeric, abs=1e-9)


def test_top_diff_scales_and_propagate_down_is_honoured(make):
    scores, labels = random_case(np.random.default_rng(1))
    layer, bottom, top = make(scores, labels, [1.0, 2.0, 3.0])
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True, True, False], bottom)
    once = [blob.diff.copy() for blob in bottom]
    bottom[1].diff[...] = 7
    top[0].diff[...] = 10
    layer.backward(top, [True, False, True, False], bottom)
    assert bottom[0].diff == pytest.approx(10 * once[0]) and bottom[2].diff == pytest.approx(10 * once[2])
    assert (bottom[1].diff == 7).all()
    with pytest.raises(ValueError, match="labels have no gradient"):
        layer.backward(top, [True] * 4, bottom)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_a_thousand(make, dtype):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        layer, bottom, top = make([[[1000, -1000]], [[-1000, 1000]]], [[1, 0, 1, 0]], [1.0, 1.0], True, dtype)
        layer.forward(bottom, top)
        top[0].diff[...] = 1
        layer.backward(top, [True, True, False], bottom)
    assert [float(blob.data[0]) for blob in top] == [2000, 0, 2000]
    assert bottom[0].diff.tolist() == [[0, 0]] and bottom[1].diff.tolist() == [[-1, 1]]


def test_batches_may_change_size(make):
    layer, bottom, top = make([[[0, 0]]], [[1, 0]], [1.0])
    for images in (4, 2):
        bottom[0], bottom[1] = Blob(np.zeros((images, 2))), Blob(np.ones((images, 2, 1, 1)))
        layer.reshape(bottom, top)
        layer.forward(bottom, top)
        assert top[0].data[0] == pytest.approx(2 * log(2))


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(gamma=[1.0]), "3 bottoms for 1 groups"),
        (dict(tops=2), "2 tops for 2 groups"),
        (dict(gamma=[1.0, -1.0]), "group group 1: gamma -1"),
        (dict(gamma=[1.0, float("nan")]), "group group 1: gamma nan"),
        (dict(groups=["only"]), "1 groups and 2 weights"),
        (dict(scores=[np.zeros((2, 2)), np.zeros((3, 1))]), r"group group 1: scores of shape \[3, 1\]: expected 2"),
        (dict(scores=[np.zeros((2, 2)), np.zeros((2, 5))]), r"7 scores for 3 labels.*group 0 2, group 1 5"),
    ],
)
def test_setup_names_the_group(make, change, words):
    case = dict(scores=[np.zeros((2, 2)), np.zeros((2, 1))], labels=np.zeros((2, 3)), gamma=[1.0, 1.0])
    with pytest.raises(ValueError, match=words):
        make(**{**case, **change})


def test_param_str_that_is_no_json(make):
    layer, bottom, top = make([[[0.0]]], [[0]], [1.0])
    layer.param_str = "{'groups': []}"
    with pytest.raises(ValueError, match="expected JSON"):
        layer.setup(bottom, top)


def test_labels_scaled_by_255_are_found(make):
    layer, bottom, top = make([np.zeros((2, 2)), np.zeros((2, 2))], [[0, 1, 0, 0], [0, 1, 255, 0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="group group 1: labels from 0.* to 255"):
        layer.forward(bottom, top)


def test_unknown_labels_add_nothing_hand_worked(make):
    # As test_hand_worked, with one label of each group unknown: their terms are gone, the mean is still over 2 images.
    labels = [[1, -1, 0], [0, 0, -1]]
    layer, bottom, top = make([[[0, log(3)], [0, 0]], [[log(3)], [0]]], labels, [1.0, 0.5], report=True)
    layer.forward(bottom, top)
    assert top[1].data[0] == pytest.approx(3 * log(2) / 2) and top[2].data[0] == pytest.approx(log(4) / 2)
    top[0].diff[...] = 1
    layer.backward(top, [True, True, False], bottom)
    assert bottom[0].diff == pytest.approx(np.array([[-0.25, 0], [0.25, 0.25]]))
    assert bottom[1].diff == pytest.approx(np.array([[0.5 * 0.75 / 2], [0]]))


@pytest.mark.parametrize("value", [-2, -0.5, 2])
def test_other_values_are_refused(make, value):
    layer, bottom, top = make([np.zeros((2, 2)), np.zeros((2, 2))], [[0, 1, -1, 0], [0, 1, value, 0]], [1.0, 1.0])
    with pytest.raises(ValueError, match="group group 1: labels from .* or -1 for unknown"):
        layer.forward(bottom, top)


def test_the_file_reads_as_python_2_7():
    # What 2.7 does not know, as far as the tree shows it; the two packages above it must stay importable there too.
    for path in (FILE, PACKAGE / "__init__.py", PACKAGE / "layers" / "__init__.py"):
        tree = ast.parse(path.read_text(encoding="ascii"))
        newer = (
            ast.JoinedStr,
            ast.AnnAssign,
            ast.NamedExpr,
            ast.Nonlocal,
            ast.YieldFrom,
            ast.MatMult,
            ast.AsyncFunctionDef,
        )
        for node in ast.walk(tree):
            assert not isinstance(node, newer), ast.dump(node)
            if isinstance(node, ast.FunctionDef):
                assert node.returns is None and not node.args.kwonlyargs and not node.args.posonlyargs
                assert all(argument.annotation is None for argument in node.args.args)
            if isinstance(node, ast.Raise):
                assert node.cause is None
            if isinstance(node, ast.ImportFrom):
                assert node.module != "__future__" or {alias.name for alias in node.names} <= {
                    "division",
                    "print_function",
                }
