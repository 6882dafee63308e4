# ruff: noqa: UP030, UP032, B904
# The original's GPU image holds Python 2.7: this file keeps to what 2.7 and 3.13 both read, and to NumPy and caffe.
"""The multi-weight loss as a pycaffe layer: J = sum_t gamma_t J_t, Eq. (1) to (5)."""

import json

import caffe
import numpy as np

from multiweight.layers import objectives


class MultiWeightLossLayer(caffe.Layer):
    """Weighted sum of one loss a group of labels: sigmoid cross-entropy, or another of ``objectives``.

    Bottoms: one score blob a group, N x M_t (more axes of size 1 are allowed), then one label blob, N x L with
    L = sum(M_t): the groups' labels in the same order, values 0 to 1, or -1: unknown, which adds neither loss nor
    gradient, as SigmoidCrossEntropyLoss leaves out labels equal to its ignore_label.
    Tops: the total J; optionally one top per group, J_t before weighting, for the log. The prototxt needs a loss_weight
    for every top: 1 for the total, 0 for a top that only reports (Caffe gives a Python layer none by itself).
    param_str: JSON, {"groups": [name, ...], "gamma": [weight, ...]}, one entry a score blob; optionally "objective":
    {"name": "focal", "focus": 2} or another that ``objectives.parse`` takes.

    Sums over labels, means over images (Eq. 1), unknown labels or not, which is SigmoidCrossEntropyLoss's default too.
    The gradient at a score is gamma_t (p^ - p) / N, times the diff of the total's top, plus (p^ - p) / N times the diff
    of the group's own top; of another objective, its slope stands for p^ - p. A layer whose weights change overrides
    ``weights``, ``total``, ``start`` and ``learn``. Raises ValueError naming the group for shapes that do not fit, and
    for other labels.
    """

    #: What caffe_torch runs in its place on an accelerator; the original does not look at it.
    tensor_form = "multiweight.layers.tensor_forms:MultiWeightLoss"

    def setup(self, bottom, top):
        self.groups, self.gamma, self.objective, settings = _parse(self.param_str, self.settings)
        tasks = len(self.groups)
        if len(bottom) != tasks + 1:
            raise ValueError(
                "MultiWeightLoss: {0} bottoms for {1} groups: expected scores for each of {2}, then labels".format(
                    len(bottom), tasks, ", ".join(self.groups)
                )
            )
        if len(top) not in (1, tasks + 1):
            raise ValueError(
                "MultiWeightLoss: {0} tops for {1} groups: expected the total, or it and one top a group".format(
                    len(top), tasks
                )
            )
        self._check_shapes(bottom)
        self.start(settings)

    #: Further keys of param_str that the layer takes, with their defaults: those of the scheme in gamma/schemes.py.
    settings = {}  # type: dict

    def start(self, settings):
        """Called once, at the end of setup: add the layer's own blobs here."""

    def weights(self):
        """The factor on each J_t, float64 (T,)."""
        return self.gamma

    def total(self, loss):
        """J of the J_t, float64 (T,)."""
        return np.dot(self.weights(), loss)

    def learn(self, factor):
        """Called in backward with the diff of the total's top: gradients and state of the layer's own blobs."""

    def reshape(self, bottom, top):
        sizes = self._check_shapes(bottom)
        self.starts = np.cumsum([0] + sizes)
        shape = (bottom[len(sizes)].shape[0], sum(sizes))
        if getattr(self, "scores", None) is None or self.scores.shape != shape:
            self.scores = np.empty(shape, bottom[0].data.dtype)
            self.error = np.empty_like(self.scores)
        for index in range(len(top)):
            top[index].reshape(1)

    def forward(self, bottom, top):
        tasks, starts = len(self.groups), self.starts
        images = self.scores.shape[0]
        for t in range(tasks):
            self.scores[:, starts[t] : starts[t + 1]] = bottom[t].data.reshape(images, -1)
        x, p = self.scores, bottom[tasks].data.reshape(images, -1)
        ignored = self._check_labels(p)
        cell, error = self.objective(x, p)
        if ignored is not None:
            cell[ignored] = 0
            error[ignored] = 0
        self.error[...] = error
        # One column per label is summed in double: float32 over 256 images and 830 labels would cost digits.
        column = cell.sum(axis=0, dtype=np.float64)
        self.loss = np.add.reduceat(column, starts[:-1]) / images
        top[0].data[...] = self.total(self.loss)
        for index in range(1, len(top)):
            top[index].data[...] = self.loss[index - 1]

    def backward(self, top, propagate_down, bottom):
        tasks, starts = len(self.groups), self.starts
        if propagate_down[tasks]:
            raise ValueError("MultiWeightLoss: the labels have no gradient: nothing below them can be trained")
        images = float(self.error.shape[0])
        total = float(np.ravel(top[0].diff)[0])
        weights = self.weights()
        for t in range(tasks):
            if not propagate_down[t]:
                continue
            factor = total * weights[t]
            if len(top) > 1:
                factor += float(np.ravel(top[t + 1].diff)[0])
            error = self.error[:, starts[t] : starts[t + 1]]
            bottom[t].diff[...] = (error * (factor / images)).reshape(bottom[t].diff.shape)
        self.learn(total)

    def _check_shapes(self, bottom):
        tasks = len(self.groups)
        labels = _shape(bottom[tasks])
        sizes = []
        for t in range(tasks):
            shape = _shape(bottom[t])
            if len(shape) < 2 or shape[0] != labels[0]:
                raise ValueError(
                    "MultiWeightLoss: group {0}: scores of shape {1}: expected {2} images x labels, as many as in the "
                    "label blob".format(self.groups[t], shape, labels[0])
                )
            sizes.append(int(np.prod(shape[1:])))
            if sizes[t] < 1:
                raise ValueError("MultiWeightLoss: group {0} has no scores (shape {1})".format(self.groups[t], shape))
        width = int(np.prod(labels[1:]))
        if sum(sizes) != width:
            listed = ", ".join("{0} {1}".format(name, size) for name, size in zip(self.groups, sizes))
            raise ValueError(
                "MultiWeightLoss: {0} scores for {1} labels an image (scores: {2}): net and label LMDB come from "
                "different catalogs".format(sum(sizes), width, listed)
            )
        return sizes

    def _check_labels(self, p):
        """Where a label is -1, unknown, as bool N x L; None where none is."""
        if not p.size or (p.min() >= 0 and p.max() <= 1):
            return None
        ignored = p == -1
        wrong = np.logical_or(np.logical_and(p < 0, np.logical_not(ignored)), p > 1)
        if wrong.any():
            column = int(np.argmax(wrong.any(axis=0)))
            group = self.groups[int(np.searchsorted(self.starts, column, side="right")) - 1]
            raise ValueError(
                "MultiWeightLoss: group {0}: labels from {1} to {2}: expected 0 to 1, or -1 for unknown (no `scale` on "
                "the label Data layer, and Datum bytes of 0 and 1, not 255)".format(
                    group, p[:, column].min(), p[:, column].max()
                )
            )
        return ignored


def _shape(blob):
    return [int(size) for size in blob.shape]


def _parse(param_str, known):
    """(groups, gamma, objective, the values of the ``known`` further settings)."""
    try:
        values = json.loads(param_str)
        groups, gamma = [name for name in values["groups"]], np.array(values["gamma"], np.float64)
        objective = objectives.parse(values.get("objective"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            'MultiWeightLoss: param_str {0!r}: expected JSON {{"groups": [...], "gamma": [...]}} ({1})'.format(
                param_str, error
            )
        )
    if not groups or gamma.shape != (len(groups),):
        raise ValueError(
            "MultiWeightLoss: {0} groups and {1} weights: expected one weight per group".format(len(groups), gamma.size)
        )
    for name, weight in zip(groups, gamma):
        if not np.isfinite(weight) or weight < 0:
            raise ValueError(
                "MultiWeightLoss: group {0}: gamma {1}: expected a finite number, 0 or above".format(name, weight)
            )
    settings = dict((key, values.pop(key, default)) for key, default in known.items())
    for key in values:
        if key not in ("groups", "gamma", "objective"):
            raise ValueError("MultiWeightLoss: param_str has a key {0!r} that this layer does not know".format(key))
    return groups, gamma, objective, settings
