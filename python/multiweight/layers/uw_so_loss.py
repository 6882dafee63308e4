# ruff: noqa: UP008, UP030, UP032
# Python 2.7 to 3.13, NumPy and caffe alone, as multi_weight_loss.py.
"""Weights by the inverse of each loss: the softmax of 1 / J_t with a temperature (Kirchdorfer et al. 2024)."""

import numpy as np

from multiweight.layers.multi_weight_loss import MultiWeightLossLayer


class UwSoLossLayer(MultiWeightLossLayer):
    """J = sum_t gamma_t w_t J_t, w_t = T exp(1 / (J_t temperature)) / sum_i exp(1 / (J_i temperature)), UW-SO.

    arXiv 2408.07985, here times T, the number of groups, so that the weights sum to as much as equal ones. Bottoms,
    tops and param_str as of MultiWeightLossLayer, and "temperature" besides (default: ``settings``): the higher it is,
    the more equal are the weights. They are those of the same pass, in training and in tests, and have no gradient.
    """

    #: What caffe_torch runs in its place on an accelerator; the original does not look at it.
    tensor_form = "multiweight.layers.tensor_forms:UwSoLoss"

    #: The defaults of the scheme's constants in multiweight/gamma/schemes.py, repeated here because BVLC Caffe imports
    #: this file without that one; tests/multiweight/gamma/test_schemes.py holds the two equal.
    settings = {"temperature": 20.0}
    #: Below it a loss counts as this much, so that its inverse stays finite.
    least = 1e-6

    def start(self, settings):
        self.temperature = float(settings["temperature"])
        if not self.temperature > 0:
            raise ValueError(
                "MultiWeightLoss: temperature {0}: expected a number above 0".format(settings["temperature"])
            )
        self.loss = np.ones(len(self.groups))

    def weights(self):
        power = 1 / (np.maximum(self.loss, self.least) * self.temperature)
        share = np.exp(power - power.max())
        return self.gamma * len(self.groups) * share / share.sum()
