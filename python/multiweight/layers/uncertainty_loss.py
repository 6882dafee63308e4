# ruff: noqa: UP008, UP030, UP032
# Python 2.7 to 3.13, NumPy and caffe alone, as multi_weight_loss.py.
"""Weights that the solver learns: homoscedastic uncertainty (Kendall, Gal and Cipolla 2018) as a pycaffe layer."""

import numpy as np

from multiweight.layers.multi_weight_loss import MultiWeightLossLayer


class UncertaintyLossLayer(MultiWeightLossLayer):
    """J = sum_t (gamma_t exp(-s_t) J_t + s_t / 2), s_t the log variance of group t, learned with the net's weights.

    Bottoms, tops and param_str as of MultiWeightLossLayer. Its one parameter blob holds s, (T,), 0 at first; give it
    ``param { lr_mult: 1 decay_mult: 0 }``: decay would pull every weight towards 1. At rest exp(-s_t) is 1 / (2 J_t),
    for gamma 1: a group's weight falls with its loss, and the sum over labels does not let a large group rule.
    """

    #: What caffe_torch runs in its place on an accelerator; the original does not look at it.
    tensor_form = "multiweight.layers.tensor_forms:UncertaintyLoss"

    def start(self, settings):
        self.blobs.add_blob(len(self.groups))
        self.blobs[0].data[...] = 0

    def weights(self):
        return self.gamma * np.exp(-self.blobs[0].data.astype(np.float64))

    def total(self, loss):
        return np.dot(self.weights(), loss) + 0.5 * float(self.blobs[0].data.sum(dtype=np.float64))

    def learn(self, factor):
        # Added, as every parameter's gradient: iter_size gathers several passes.
        self.blobs[0].diff[...] += factor * (0.5 - self.weights() * self.loss)
