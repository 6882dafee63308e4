"""caffe.Detector: a net that scores windows of images (R-CNN)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caffe_torch import io
from caffe_torch.errors import CaffeError
from caffe_torch.net.net import Net
from caffe_torch.proto.caffe_pb2 import TEST


class Detector(Net):
    """The net of a deploy.prototxt with its weights, and how windows are cut and prepared for its first input.

    ``context_pad`` is how many pixels at each edge of the net's input show what surrounds the window; the other
    arguments are as in ``caffe.io.Transformer``.
    """

    def __init__(
        self,
        model_file: str | Path,
        pretrained_file: str | Path,
        mean: np.ndarray | None = None,
        input_scale: float | None = None,
        raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ):
        super().__init__(model_file, TEST, weights=pretrained_file)
        name = self.inputs[0]
        self.transformer = io.prepare(name, self.blobs[name].data.shape, mean, input_scale, raw_scale, channel_swap)
        self.configure_crop(context_pad)

    def detect_windows(self, images_windows: Iterable[tuple[str, Iterable[Any]]]) -> list[dict[str, Any]]:
        """Score each window (ymin, xmin, ymax, xmax) of each image file.

        A list of ``{"window": ..., "prediction": ..., "filename": ...}``, in the given order.
        """
        name = self.inputs[0]
        entries, prepared = [], []
        for filename, windows in images_windows:
            image = io.load_image(filename)
            for window in windows:
                prepared.append(self.transformer.preprocess(name, self.crop(image, np.asarray(window))))
                entries.append({"window": window, "filename": filename})
        if not prepared:
            return []
        scores = self.forward_all(**{name: np.array(prepared, np.float32)})[self.outputs[0]]
        return [{"window": f["window"], "prediction": s, "filename": f["filename"]} for f, s in zip(entries, scores)]

    def detect_selective_search(self, image_fnames: Iterable[str]) -> list[dict[str, Any]]:
        """Score the windows that Selective Search proposes, if its package is installed; CaffeError otherwise."""
        try:
            import selective_search_ijcv_with_python as selective_search
        except ImportError:
            raise CaffeError(
                "detect_selective_search: needs the module selective_search_ijcv_with_python, which runs MATLAB and is "
                "not installed; make windows another way and give them to detect_windows"
            ) from None
        names = [str(Path(name).absolute()) for name in image_fnames]
        windows = selective_search.get_windows(names, cmd="selective_search_rcnn")
        return self.detect_windows(zip(names, windows))

    def configure_crop(self, context_pad: int | None) -> None:
        """Set ``context_pad`` and the mean in the images' own space, which fills what lies outside of an image."""
        name = self.inputs[0]
        #: (height, width, channels) of a crop.
        self.crop_dims = np.array(self.blobs[name].data.shape[1:])[[1, 2, 0]]
        self.context_pad = context_pad
        self.crop_mean = np.zeros(self.crop_dims, np.float32)
        mean = self.transformer.mean.get(name)
        if not context_pad or mean is None:
            return
        crop_mean = mean.transpose(1, 2, 0)
        order = self.transformer.channel_swap.get(name)
        if order is not None:
            crop_mean = crop_mean[:, :, np.argsort(order)]
        scale = self.transformer.raw_scale.get(name)
        self.crop_mean = crop_mean / scale if scale is not None else crop_mean

    def crop(self, im: np.ndarray, window: np.ndarray) -> np.ndarray:
        """The window of ``im`` (height, width, channels); with ``context_pad`` warped, surroundings and all.

        What lies outside of the image is filled with the mean.
        """
        top, left, bottom, right = (int(n) for n in window)
        if not self.context_pad:
            pixels = im[top:bottom, left:right]
            if not pixels.size:
                raise CaffeError(
                    f"window {(top, left, bottom, right)} has no pixel of its image, {im.shape[0]} x {im.shape[1]}"
                )
            return pixels
        size = int(self.blobs[self.inputs[0]].width)  # a square input, as in the original
        # The window grows so that, warped, it fills all but context_pad pixels at each edge.
        grown = size / (size - 2.0 * self.context_pad)
        half = np.array([bottom - top + 1, right - left + 1]) / 2.0
        centre = np.array([top, left]) + half
        box = np.round(np.concatenate([centre - grown * half, centre + grown * half]))
        scale = size / (box[2:] - box[:2] + 1)
        pad = [round(n) for n in np.maximum(0, -box[:2]) * scale]
        tall, wide = im.shape[:2]
        box = np.clip(box, 0, [tall, wide, tall, wide])
        inside = box[2:] - box[:2] + 1
        warped = [min(round(n), size - p) for n, p in zip(inside * scale, pad)]
        y0, x0, y1, x1 = box.astype(int)
        if y1 <= y0 or x1 <= x0:
            raise CaffeError(f"window {tuple(int(n) for n in window)} lies outside of its image, {tall} x {wide}")
        result = np.ones(self.crop_dims, np.float32) * self.crop_mean
        result[pad[0] : pad[0] + warped[0], pad[1] : pad[1] + warped[1]] = io.resize_image(im[y0:y1, x0:x1], warped)
        return result
