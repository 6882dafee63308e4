"""caffe.Classifier: class scores for images, from ten crops of each or from the centre crop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caffe_torch import io
from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.proto.caffe_pb2 import TEST


class Classifier(Net):
    """A net of the TEST phase that prepares images for its first input, (n, channels, height, width).

    Images are resized to ``image_dims`` (height, width) in pixels and then cropped; None or empty: the input's size.
    Of each crop the channels are put in the order ``channel_swap`` ((2, 1, 0): RGB to BGR), the values multiplied by
    ``raw_scale`` (255 for images of ``caffe.io.load_image``, 0 to 1), ``mean`` subtracted, (channels,) or (channels,
    height, width), and the result multiplied by ``input_scale``.
    """

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        image_dims: Sequence[int] | None = None,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ):
        super().__init__(model_file, TEST, weights=pretrained_file)
        input_name = self.inputs[0]
        shape = self.blobs[input_name].data.shape
        self.transformer = io.prepare(input_name, shape, mean, input_scale, raw_scale, channel_swap)
        self.crop_dims = np.array(shape[2:])
        self.image_dims = self.crop_dims if image_dims is None or len(image_dims) == 0 else image_dims

    def predict(self, inputs: Sequence[np.ndarray], oversample: bool = True) -> np.ndarray:
        """The net's first output for each image: the mean over ten crops with ``oversample``, else the centre crop's.

        ``inputs`` are (height, width, channels) arrays as ``caffe.io.load_image`` gives them, of any sizes. As in
        pycaffe, the means are (images, values), whatever the output's shape, the centre crops' scores (images, the
        output's other axes); float32. CaffeError: no image, ``image_dims`` smaller than the net's input.
        """
        if not len(inputs):
            raise CaffeError("predict: no image: give 1 or more")
        (tall, wide), (height, width) = (map(int, dims) for dims in (self.image_dims, self.crop_dims))
        if tall < height or wide < width:
            raise CaffeError(
                f"predict: image_dims {tall} x {wide} (height x width) are smaller than the net's input, "
                f"{height} x {width}: give larger image_dims, or none"
            )
        images = np.empty((len(inputs), tall, wide, np.shape(inputs[0])[2]), np.float32)
        for i, image in enumerate(inputs):
            images[i] = io.resize_image(image, self.image_dims)
        if oversample:
            crops = io.oversample(images, self.crop_dims)
        else:
            # Rounded as pycaffe does.
            middle = np.array(self.image_dims) / 2.0
            top, left = (middle - self.crop_dims / 2.0).astype(int)
            bottom, right = (middle + self.crop_dims / 2.0).astype(int)
            crops = images[:, top:bottom, left:right]
        input_name = self.inputs[0]
        prepared = np.array([self.transformer.preprocess(input_name, crop) for crop in crops], np.float32)
        scores = self.forward_all(**{input_name: prepared})[self.outputs[0]]
        if oversample:
            scores = scores.reshape(len(scores) // 10, 10, -1).mean(1)
        return scores
