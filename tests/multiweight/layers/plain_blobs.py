"""A loss layer on its own: plain arrays for blobs, in double, so that finite differences have digits left."""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np

import caffe_torch


class Blob:
    def __init__(self, data):
        self.data = np.array(data)
        self.diff = np.zeros_like(self.data)

    @property
    def shape(self):
        return self.data.shape

    def reshape(self, *shape):
        if self.data.shape != shape:
            self.data, self.diff = np.zeros(shape), np.zeros(shape)


class Blobs(list):
    def add_blob(self, *shape):
        self.append(Blob(np.zeros(shape)))


def build(monkeypatch, name, scores, labels, report=True, **settings):
    """(layer, bottoms, tops) of a file ``<name>_loss.py``; ``settings`` go into param_str."""
    monkeypatch.setitem(sys.modules, "caffe", caffe_torch)
    module = importlib.import_module(f"multiweight.layers.{name}_loss")
    cls = getattr(module, f"{name.title().replace('_', '')}LossLayer")
    bottom = [Blob(np.asarray(x, np.float64)) for x in (*scores, labels)]
    top = [Blob(np.zeros(1)) for _ in range(1 + len(scores) if report else 1)]
    layer = cls.__new__(cls)
    layer.blobs = Blobs()
    groups = [f"g{t}" for t in range(len(scores))]
    layer.param_str = json.dumps({"groups": groups, "gamma": [1.0] * len(groups), **settings})
    layer.setup(bottom, top)
    layer.reshape(bottom, top)
    return layer, bottom, top


def numeric(objective, array, step=1e-5):
    """The gradient of ``objective()`` by each value of ``array``, by central differences."""
    result = np.zeros_like(array)
    for index in np.ndindex(*array.shape):
        before = array[index]
        array[index] = before + step
        above = objective()
        array[index] = before - step
        result[index] = (above - objective()) / (2 * step)
        array[index] = before
    objective()
    return result


def random_case(seed=0, images=5, sizes=(3, 1, 4)):
    rng = np.random.default_rng(seed)
    scores = [rng.normal(0, 3, (images, size)) for size in sizes]
    return scores, rng.integers(0, 2, (images, sum(sizes))).astype(float)


def check_scores(layer, bottom, top, weights):
    """The gradients at the scores of sum(weights x tops) agree with finite differences."""

    def objective():
        layer.forward(bottom, top)
        return sum(w * blob.data[0] for w, blob in zip(weights, top))

    expected = [numeric(objective, blob.data) for blob in bottom[:-1]]
    for weight, blob in zip(weights, top):
        blob.diff[...] = weight
    layer.backward(top, [True] * (len(bottom) - 1) + [False], bottom)
    for blob, gradient in zip(bottom, expected):
        np.testing.assert_allclose(blob.diff, gradient, rtol=0, atol=1e-8 * max(1, np.abs(gradient).max()))
    return objective
