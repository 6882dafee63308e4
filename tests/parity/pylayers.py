"""A layer as users write them, with a parameter of its own: y = scale * x * w, other in the TEST phase."""

import json

import caffe
import numpy as np


class ScaledLayer(caffe.Layer):
    def setup(self, bottom, top):
        self.scale = json.loads(self.param_str)["scale"]
        if self.phase == caffe.TEST:
            self.scale *= 2
        self.blobs.add_blob(bottom[0].data.shape[1])

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.scale * bottom[0].data * self.blobs[0].data[:, np.newaxis]

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            bottom[0].diff[...] = self.scale * top[0].diff * self.blobs[0].data[:, np.newaxis]
        self.blobs[0].diff[...] += self.scale * (top[0].diff * bottom[0].data).sum(axis=(0, 2))
