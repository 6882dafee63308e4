# Python 2.7 to 3.13, NumPy and caffe alone, as multi_weight_loss.py.
"""The sum of the losses' logarithms: only the relative change of each loss matters, not its size."""

import numpy as np

from multiweight.layers.multi_weight_loss import MultiWeightLossLayer


class LogSumLossLayer(MultiWeightLossLayer):
    """J = sum_t gamma_t log J_t, so that the factor on each gradient is gamma_t / J_t.

    With equal gamma it is T times the logarithm of the losses' geometric mean (Chennupati et al. 2019, arXiv
    1904.08492; as logarithms in Lin et al. 2023, arXiv 2308.12029). Bottoms, tops and param_str as of
    MultiWeightLossLayer.
    Below 1 a logarithm is negative, and so can the total be.
    """

    #: What caffe_torch runs in its place on an accelerator; the original does not look at it.
    tensor_form = "multiweight.layers.tensor_forms:LogSumLoss"

    #: Added to each loss, so that one of 0 has a logarithm.
    least = 1e-6

    def start(self, settings):
        self.loss = np.ones(len(self.groups))

    def weights(self):
        return self.gamma / (self.loss + self.least)

    def total(self, loss):
        return np.dot(self.gamma, np.log(loss + self.least))
