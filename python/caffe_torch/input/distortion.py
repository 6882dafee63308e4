"""Data augmentation of SSD's data layer: colour distortion, expansion, noise, resizing.

Images are (height, width, channels) BGR, uint8. Every step rounds its result and clips it to 0 to 255.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from caffe_torch.errors import CaffeError
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import cv2
else:
    cv2 = Lazy("cv2")


def _saturated(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def distort(image: np.ndarray, param: Any, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation, hue and order of the channels, each with its own probability.

    With probability 1/2 the contrast is changed before saturation and hue, else after them.
    """
    if image.shape[2] != 3:
        raise CaffeError(f"distort_param: needs images of 3 channels, found {image.shape[2]}")
    image = _brightness(image, param, rng)
    contrast_first = rng.uniform() > 0.5
    if contrast_first:
        image = _contrast(image, param, rng)
    image = _in_hsv(image, param.saturation_prob, rng, 1, rng.uniform(*_range(param, "saturation")), 0)
    hue = rng.uniform(-param.hue_delta, param.hue_delta) if param.hue_delta > 0 else 0.0
    image = _in_hsv(image, param.hue_prob, rng, 0, 1.0, hue)
    if not contrast_first:
        image = _contrast(image, param, rng)
    if rng.uniform() < param.random_order_prob:
        image = np.ascontiguousarray(image[:, :, rng.permutation(3)])
    return image


def _range(param: Any, name: str) -> tuple[float, float]:
    low, high = getattr(param, f"{name}_lower"), getattr(param, f"{name}_upper")
    if low > high or low < 0:
        raise CaffeError(f"distort_param: {name}_lower {low:g} must be 0 or more and at most {name}_upper {high:g}")
    return low, high


def _brightness(image: np.ndarray, param: Any, rng: np.random.Generator) -> np.ndarray:
    delta = rng.uniform(-param.brightness_delta, param.brightness_delta) if param.brightness_delta > 0 else 0.0
    return _saturated(image + np.float32(delta)) if rng.uniform() < param.brightness_prob else image


def _contrast(image: np.ndarray, param: Any, rng: np.random.Generator) -> np.ndarray:
    factor = rng.uniform(*_range(param, "contrast"))
    return _saturated(image * np.float32(factor)) if rng.uniform() < param.contrast_prob else image


def _in_hsv(
    image: np.ndarray, prob: float, rng: np.random.Generator, channel: int, factor: float, delta: float
) -> np.ndarray:
    """One channel of hue, saturation and value times ``factor``, plus ``delta``."""
    if not rng.uniform() < prob:
        return image
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hsv[:, :, channel] = _saturated(hsv[:, :, channel] * np.float32(factor) + np.float32(delta))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def expand(image: np.ndarray, param: Any, mean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The image at a random place on a larger canvas filled with ``mean``, and the canvas's corners.

    Corners are xmin, ymin, xmax, ymax in units of the image's width and height, whose own are 0, 0, 1, 1.
    """
    whole = np.array([0.0, 0.0, 1.0, 1.0])
    if not rng.uniform() < param.prob or param.max_expand_ratio - 1 < 0.01:
        return image, whole
    height, width = image.shape[:2]
    ratio = rng.uniform(1, param.max_expand_ratio)
    high, wide = int(height * ratio), int(width * ratio)
    top, left = int(rng.uniform(0, high - height)), int(rng.uniform(0, wide - width))
    canvas = np.empty((high, wide, image.shape[2]), np.uint8)
    canvas[:] = _saturated(mean)
    canvas[top : top + height, left : left + width] = image
    return canvas, np.array([-left / width, -top / height, (wide - left) / width, (high - top) / height])


def add_noise(image: np.ndarray, param: Any, rng: np.random.Generator) -> np.ndarray:
    """The changes that a NoiseParameter asks for, one after the other."""
    colour = image.ndim == 3 and image.shape[2] == 3
    if param.decolorize and colour:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if param.gauss_blur:
        image = cv2.GaussianBlur(image, (7, 7), 1.5)
    for wanted, equalise in ((param.hist_eq, cv2.equalizeHist), (param.clahe, cv2.createCLAHE(4).apply)):
        if wanted and colour:
            planes = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
            planes[:, :, 0] = equalise(np.ascontiguousarray(planes[:, :, 0]))
            image = cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR)
        elif wanted:
            image = equalise(np.ascontiguousarray(image[..., 0]))[..., None]
    if param.jpeg > 0:
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(param.jpeg)])
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE))
    if param.erode:
        image = cv2.erode(image, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    if param.posterize:
        image = image // 64 * 64
    if param.inverse:
        image = 255 - image
    if param.saltpepper:
        image = _salt_and_pepper(image, param.saltpepper_param, rng)
    for wanted, code in ((param.convert_to_hsv, cv2.COLOR_BGR2HSV), (param.convert_to_lab, cv2.COLOR_BGR2LAB)):
        if wanted and colour:
            image = cv2.cvtColor(image, code)
    return image if image.ndim == 3 else image[..., None]


def _salt_and_pepper(image: np.ndarray, param: Any, rng: np.random.Generator) -> np.ndarray:
    count = int(param.fraction * image.shape[0] * image.shape[1])
    rows, columns = rng.integers(image.shape[0], size=count), rng.integers(image.shape[1], size=count)
    image = image.copy()
    image[rows, columns] = np.array(param.value or [0], np.float32).astype(np.uint8)
    return image


def resized_shape(param: Any, height: int, width: int) -> tuple[int, int]:
    """(height, width) that ``resize`` gives."""
    if param.resize_mode == param.FIT_SMALL_SIZE:
        scale = max(param.height / height, param.width / width)
        return int(height * scale), int(width * scale)
    return param.height, param.width


def resize(image: np.ndarray, param: Any, rng: np.random.Generator) -> np.ndarray:
    """The image in another size, interpolated by a method drawn at random from ``interp_mode`` (LINEAR by default).

    WARP stretches to height x width. FIT_SMALL_SIZE keeps the aspect ratio; the shorter side gets its asked length.
    FIT_LARGE_SIZE_AND_PAD keeps the aspect ratio inside height x width and pads the rest on both sides.
    """
    methods = {param.LINEAR: cv2.INTER_LINEAR, param.AREA: cv2.INTER_AREA, param.NEAREST: cv2.INTER_NEAREST,
               param.CUBIC: cv2.INTER_CUBIC, param.LANCZOS4: cv2.INTER_LANCZOS4}  # fmt: skip
    modes = list(param.interp_mode)
    method = methods[modes[int(rng.integers(len(modes)))]] if modes else cv2.INTER_LINEAR
    high, wide = resized_shape(param, *image.shape[:2])
    inner_high, inner_wide = high, wide
    if param.resize_mode == param.FIT_LARGE_SIZE_AND_PAD:
        inner_high, inner_wide = fitted(param, *image.shape[:2])
    changed = cv2.resize(image, (inner_wide, inner_high), interpolation=method)
    changed = changed if changed.ndim == 3 else changed[..., None]
    if (inner_high, inner_wide) != (high, wide):
        top, left = (high - inner_high) // 2, (wide - inner_wide) // 2
        edges = {param.CONSTANT: cv2.BORDER_CONSTANT, param.MIRRORED: cv2.BORDER_REFLECT101,
                 param.REPEAT_NEAREST: cv2.BORDER_REPLICATE}  # fmt: skip
        value = list(param.pad_value) or [0]
        changed = cv2.copyMakeBorder(
            changed, top, high - inner_high - top, left, wide - inner_wide - left, edges[param.pad_mode],
            value=[*value, *[value[-1]] * 4][:4],
        )  # fmt: skip
        changed = changed if changed.ndim == 3 else changed[..., None]
    return changed


def fitted(param: Any, height: int, width: int) -> tuple[int, int]:
    """(height, width) of the image itself under FIT_LARGE_SIZE_AND_PAD, without the padding."""
    scale = min(param.height / height, param.width / width)
    return max(int(height * scale), 1), max(int(width * scale), 1)
