# Python 2.7 to 3.13, NumPy and caffe alone, as multi_weight_loss.py.
"""Weights drawn anew for each training pass: a control for schemes that follow the losses (Lin et al. 2021)."""

import numpy as np

from multiweight.layers.multi_weight_loss import MultiWeightLossLayer


class RandomWeightsLossLayer(MultiWeightLossLayer):
    """J = sum_t gamma_t w_t J_t, w = T softmax(z), z standard normal, drawn for each group and pass.

    arXiv 2111.10603, which leaves out the factor T, the number of groups. Bottoms, tops and param_str as of
    MultiWeightLossLayer. The number of training passes is in one blob, (1,), so that a snapshot goes on with the draw
    after its last; give it ``param { lr_mult: 0 decay_mult: 0 }``. The draws are the same in every training. Only
    backward moves on to the next one: tests do not. On an accelerator it is computed by NumPy.
    """

    def start(self, settings):
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 0

    def weights(self):
        drawn = np.random.RandomState(int(self.blobs[0].data[0])).standard_normal(len(self.groups))
        share = np.exp(drawn - drawn.max())
        return self.gamma * len(self.groups) * share / share.sum()

    def learn(self, factor):
        self.blobs[0].data[...] = self.blobs[0].data + 1
