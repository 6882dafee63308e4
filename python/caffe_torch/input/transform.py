"""What the data layers do to each image: decode, crop, mirror, subtract the mean, scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.files import binary_file, wire
from caffe_torch.input import images
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import cv2
else:
    cv2 = Lazy("cv2")

TRAIN = 0


def datum_array(datum: Any, where: str, param: Any) -> np.ndarray:
    """The datum as (channels, height, width), uint8 or float32; encoded ones are decoded to BGR."""
    if datum.encoded:
        flag = (
            cv2.IMREAD_GRAYSCALE
            if param.force_gray
            else cv2.IMREAD_COLOR
            if param.force_color
            else cv2.IMREAD_UNCHANGED
        )
        image = images.decode(np.frombuffer(datum.data, np.uint8), flag, where)
        if image.ndim == 2:
            return image[None]
        planes = np.empty((image.shape[2], *image.shape[:2]), image.dtype)
        cv2.split(image, list(planes))
        return planes
    shape = (datum.channels, datum.height, datum.width)
    count = shape[0] * shape[1] * shape[2]
    if datum.data:
        values: np.ndarray = np.frombuffer(datum.data, np.uint8)
    else:
        values = np.array(datum.float_data, np.float32)
    if values.size != count or min(shape) < 1:
        raise CaffeError(f"{where}: holds {values.size} values for a shape of {shape}")
    return values.reshape(shape)


def read_mean(path: str) -> np.ndarray:
    """The mean image of a .binaryproto, (channels, height, width) float32; CaffeError where it holds something else."""
    mean = wire.read_blob(memoryview(binary_file.read(path, "a .binaryproto")), path)
    if mean.ndim < 3 or mean.size != math.prod(mean.shape[-3:]) or not mean.size:
        raise CaffeError(f"{path}: its mean has shape {mean.shape}, one image (channels, height, width) is expected")
    return mean.reshape(mean.shape[-3:])


def mean_values(count: int, channels: int) -> str:
    """What is wrong with so many mean_value."""
    wanted = f"1, or {channels}" if channels != 1 else "1"
    return f"transform_param: {count} mean_value for images of {channels} channel(s): give {wanted}"


def _crop(param: Any) -> tuple[int, int]:
    """(height, width) of a TransformationParameter's crop; CaffeError where one side alone is given."""
    if param.crop_size:
        return param.crop_size, param.crop_size
    for high, wide in (("crop_h", "crop_w"), ("crop_height", "crop_width")):
        size = getattr(param, high), getattr(param, wide)
        if bool(size[0]) != bool(size[1]):
            raise CaffeError(f"transform_param: give both {high} and {wide}, found {size[0]} and {size[1]}")
        if size[0]:
            return size
    return 0, 0


class Transformer:
    """Caffe's DataTransformer for one layer: ``param`` is its TransformationParameter."""

    def __init__(self, param: Any, phase: int, generator: np.random.Generator):
        self.param, self.phase, self.generator = param, phase, generator
        self.mean: np.ndarray | None = None
        #: (height, width) of the crop, 0 for none: BVLC's square, or the sides as forks name them.
        self.crop = _crop(param)
        if param.mean_file and param.mean_value:
            raise CaffeError("transform_param: has both mean_file and mean_value; use one")
        if param.mean_file:
            self.mean = read_mean(param.mean_file)

    @property
    def is_random(self) -> bool:
        """Whether an image's window or side is drawn."""
        return bool(self.param.mirror or (self.crop[0] and self.phase == TRAIN))

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(channels, height, width) after the crop of an image of ``shape``."""
        high, wide = self.crop
        if shape[1] < high or shape[2] < wide:
            crop = f"crop_size {high}" if high == wide else f"a crop of {high}x{wide}"
            raise CaffeError(f"transform_param: {crop} is larger than the image, {shape[1]}x{shape[2]}")
        return (shape[0], high, wide) if high else shape

    def __call__(
        self, image: np.ndarray, out: np.ndarray, generator: np.random.Generator | None = None
    ) -> tuple[int, int, bool]:
        """Write the transformed ``image`` (channels, height, width) into ``out`` (float32, after the crop).

        Returns the first row and column of the crop, and whether it is mirrored.
        ``generator`` draws crop and mirroring, the transformer's own by default.
        """
        generator = generator or self.generator
        channels, height, width = image.shape
        high, wide = self.crop
        self.shape(image.shape)
        top = left = 0
        if high:
            if self.phase == TRAIN:
                top = int(generator.integers(height - high + 1))
                left = int(generator.integers(width - wide + 1))
            else:
                top, left = (height - high) // 2, (width - wide) // 2
        window = np.s_[:, top : top + out.shape[1], left : left + out.shape[2]]
        part = image[window]
        # As in Caffe, mirroring is drawn in both phases.
        flip = bool(self.param.mirror and generator.integers(2) == 1)
        target = out[:, :, ::-1] if flip else out
        if self.mean is not None:
            if self.mean.shape != image.shape:
                raise CaffeError(
                    f"{self.param.mean_file}: its mean has shape {self.mean.shape}, the images have {image.shape}"
                )
            np.subtract(part, self.mean[window], out=target)
        elif self.param.mean_value:
            values = np.array(self.param.mean_value, np.float32)
            if len(values) not in (1, channels):
                raise CaffeError(mean_values(len(values), channels))
            np.subtract(part, values.reshape(-1, 1, 1), out=target)
        else:
            target[...] = part
        if self.param.scale != 1:
            out *= np.float32(self.param.scale)
        return top, left, flip
