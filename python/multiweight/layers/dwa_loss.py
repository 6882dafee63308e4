# ruff: noqa: UP008, UP030, UP032
# Python 2.7 to 3.13, NumPy and caffe alone, as multi_weight_loss.py.
"""Weights that follow how fast each loss falls: dynamic weight average (Liu, Johns and Davison 2019)."""

import numpy as np

from multiweight.layers.multi_weight_loss import MultiWeightLossLayer

_SUM, _LAST, _BEFORE, _WEIGHT = range(4)
_PASSES, _WINDOWS = range(2)


class DwaLossLayer(MultiWeightLossLayer):
    """J = sum_t gamma_t w_t J_t, w_t = T exp(r_t / temperature) / sum_i exp(r_i / temperature).

    r_t is the mean of J_t over the last ``window`` training passes by its mean over the window before; w_t is 1 until
    there are two. Bottoms, tops and param_str as of MultiWeightLossLayer, and "temperature" and "window" besides
    (defaults: ``settings``). The state is in two blobs, so that a snapshot carries it: (4, T), sum of the running
    window, means of the two before it, w; and (2,), passes in the running window, windows done. Give both ``param {
    lr_mult: 0 decay_mult: 0 }``. Only backward changes it: tests do not. Several processes keep a state each.
    """

    #: What caffe_torch runs in its place on an accelerator; the original does not look at it.
    tensor_form = "multiweight.layers.tensor_forms:DwaLoss"

    #: The defaults of the scheme's constants in multiweight/gamma/schemes.py, repeated here because BVLC Caffe imports
    #: this file without that one; tests/multiweight/gamma/test_schemes.py holds the two equal.
    settings = {"temperature": 2.0, "window": 100}

    def start(self, settings):
        self.temperature, self.window = float(settings["temperature"]), int(settings["window"])
        if not self.temperature > 0 or self.window < 1:
            raise ValueError(
                "MultiWeightLoss: temperature {0}, window {1}: expected a number above 0, and 1 or more".format(
                    settings["temperature"], settings["window"]
                )
            )
        self.blobs.add_blob(4, len(self.groups))
        self.blobs.add_blob(2)
        self.blobs[0].data[...] = 0
        self.blobs[0].data[_WEIGHT] = 1
        self.blobs[1].data[...] = 0

    def weights(self):
        return self.gamma * self.blobs[0].data[_WEIGHT].astype(np.float64)

    def learn(self, factor):
        state, counts = self.blobs[0].data.copy(), self.blobs[1].data.copy()
        state[_SUM] += self.loss
        counts[_PASSES] += 1
        if counts[_PASSES] >= self.window:
            state[_BEFORE], state[_LAST] = state[_LAST], state[_SUM] / counts[_PASSES]
            state[_SUM], counts[_PASSES] = 0, 0
            counts[_WINDOWS] += 1
            if counts[_WINDOWS] >= 2:
                state[_WEIGHT] = self._shares(state[_LAST].astype(np.float64), state[_BEFORE].astype(np.float64))
        self.blobs[0].data[...] = state
        self.blobs[1].data[...] = counts

    def _shares(self, last, before):
        # A loss that was 0 and is 0 does not fall: its ratio is 1.
        ratio = np.where(before > 0, last / np.where(before > 0, before, 1), 1)
        power = np.exp((ratio - ratio.max()) / self.temperature)
        return len(self.groups) * power / power.sum()
