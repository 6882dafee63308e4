"""caffe.io: images and arrays to and from blobs and datums, and the Transformer that prepares network inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from caffe_torch.errors import CaffeError, CaffeValueError
from caffe_torch.input import images as image_files
from caffe_torch.input.resize import resize_image
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime.lazy import Lazy

if TYPE_CHECKING:
    import cv2
else:
    cv2 = Lazy("cv2")


def blobproto_to_array(blob: Any, return_diff: bool = False) -> np.ndarray:
    """A BlobProto's data, or its diff, as an array of its shape (four axes for the legacy num/channels/height/width).

    float64, as in pycaffe; CaffeError where values and shape do not fit.
    """
    double = blob.double_diff if return_diff else blob.double_data
    single = blob.diff if return_diff else blob.data
    values = np.array(double if len(double) else single, np.float64)
    legacy = any(blob.HasField(name) for name in ("num", "channels", "height", "width"))
    shape = (blob.num, blob.channels, blob.height, blob.width) if legacy else tuple(blob.shape.dim)
    if values.size != int(np.prod(shape, dtype=np.int64)):
        raise CaffeValueError(f"BlobProto: {values.size} values do not fill its shape {shape}")
    return values.reshape(shape)


def array_to_blobproto(arr: np.ndarray, diff: np.ndarray | None = None) -> Any:
    """A BlobProto with ``arr`` as its data and, if given, ``diff``, an array of the same shape, as its diff."""
    blob = caffe_pb2.BlobProto()
    blob.shape.dim.extend(arr.shape)
    blob.data.extend(arr.astype(float).flat)
    if diff is not None:
        blob.diff.extend(diff.astype(float).flat)
    return blob


def arraylist_to_blobprotovector_str(arraylist: Iterable[np.ndarray]) -> bytes:
    """The arrays as one serialized BlobProtoVector."""
    return caffe_pb2.BlobProtoVector(blobs=[array_to_blobproto(arr) for arr in arraylist]).SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> list[np.ndarray]:
    """The arrays of a serialized BlobProtoVector."""
    return [blobproto_to_array(blob) for blob in caffe_pb2.BlobProtoVector.FromString(str).blobs]


def array_to_datum(arr: np.ndarray, label: int | None = None) -> Any:
    """A (channels, height, width) array as a Datum: uint8 as bytes, anything else as floats; ValueError otherwise."""
    if arr.ndim != 3:
        raise ValueError(f"array_to_datum: needs an array of 3 axes (channels, height, width), found shape {arr.shape}")
    datum = caffe_pb2.Datum()
    datum.channels, datum.height, datum.width = arr.shape
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(float).flat)
    if label is not None:
        datum.label = label
    return datum


def datum_to_array(datum: Any) -> np.ndarray:
    """A raw Datum as (channels, height, width): uint8 where it holds bytes, else float64."""
    shape = (datum.channels, datum.height, datum.width)
    if datum.encoded:
        raise CaffeError("datum_to_array: the datum holds an encoded image; decode its data with OpenCV instead")
    if len(datum.data):
        return np.frombuffer(datum.data, np.uint8).reshape(shape)
    return np.array(datum.float_data, float).reshape(shape)


def load_image(filename: str | Path | BinaryIO, color: bool = True) -> np.ndarray:
    """An image file, or an open one, as (height, width, 3) RGB or, with ``color=False``, (height, width, 1).

    float32 in [0, 1]; transparency is dropped. CaffeError where the file is missing or no image.
    """
    try:
        if hasattr(filename, "read"):
            data = np.frombuffer(filename.read(), np.uint8)
        else:
            data = np.fromfile(filename, np.uint8)
    except OSError as error:
        raise CaffeError(f"{filename}: cannot be read: {error.strerror}") from None
    image = image_files.decode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION, str(filename))
    largest = {"uint8": 255, "uint16": 65535}.get(str(image.dtype), 1)
    image = image.astype(np.float32) / np.float32(largest)
    if image.ndim == 2:
        image = image[:, :, None]
    if color:
        return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else np.ascontiguousarray(image[:, :, 2::-1])
    if image.shape[2] == 1:
        return image
    # skimage's weights, which the original's load_image goes through.
    return (image[:, :, :3] @ np.array([0.0721, 0.7154, 0.2125], np.float32))[:, :, None]


def oversample(images: Iterable[np.ndarray], crop_dims: Sequence[int] | np.ndarray) -> np.ndarray:
    """Ten crops per image: corners (upper left, upper right, lower left, lower right), centre, and the five mirrored.

    ``images`` are (height, width, channels) arrays of one shape, ``crop_dims`` (height, width); the result is float32
    of shape (10 * images, height, width, channels).
    """
    images = list(images)
    height, width = (int(n) for n in crop_dims)
    tall, wide = images[0].shape[:2]
    if height > tall or width > wide:
        raise CaffeError(f"oversample: crops of {height} x {width} do not fit into images of {tall} x {wide}")
    below, right = tall - height, wide - width
    corners = [(0, 0), (0, right), (below, 0), (below, right), (int(below / 2), int(right / 2))]
    crops = []
    for image in images:
        five = [image[y : y + height, x : x + width] for y, x in corners]
        crops.extend(five)
        crops.extend(crop[:, ::-1] for crop in five)
    return np.array(crops, dtype=np.float32)


class Transformer:
    """Prepares images for a net's input blobs: resize, transpose, channel swap, raw scale, mean, input scale.

    ``inputs`` maps an input's name to its blob's shape, e.g. ``{"data": net.blobs["data"].data.shape}``. Every setter
    names the input; steps that were not set are left out. Nothing is written into the caller's arrays.
    """

    def __init__(self, inputs: dict[str, Sequence[int]]):
        self.inputs = inputs
        self.transpose: dict[str, Sequence[int]] = {}
        self.channel_swap: dict[str, Sequence[int]] = {}
        self.raw_scale: dict[str, float] = {}
        self.mean: dict[str, np.ndarray] = {}
        self.input_scale: dict[str, float] = {}

    def _check(self, in_: str) -> None:
        if in_ not in self.inputs:
            raise CaffeError(f"{in_!r} is not one of the net inputs: {', '.join(map(str, self.inputs))}")

    def preprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """``data`` (height, width, channels), unless transposed otherwise, made into what blob ``in_`` takes."""
        self._check(in_)
        result = np.array(data, dtype=np.float32)
        size = tuple(self.inputs[in_][2:])
        if result.shape[:2] != size:
            result = resize_image(result, size)
        if in_ in self.transpose:
            result = result.transpose(self.transpose[in_])
        if in_ in self.channel_swap:
            result = result[list(self.channel_swap[in_])]
        if in_ in self.raw_scale:
            result = result * np.float32(self.raw_scale[in_])
        if in_ in self.mean:
            result = result - self.mean[in_].astype(np.float32)
        if in_ in self.input_scale:
            result = result * np.float32(self.input_scale[in_])
        return result

    def deprocess(self, in_: str, data: np.ndarray) -> np.ndarray:
        """Undo ``preprocess``, except the resizing."""
        self._check(in_)
        result = np.array(data).squeeze()  # a copy, of the same dtype to the end
        if in_ in self.input_scale:
            result /= self.input_scale[in_]
        if in_ in self.mean:
            result += self.mean[in_]
        if in_ in self.raw_scale:
            result /= self.raw_scale[in_]
        if in_ in self.channel_swap:
            result = result[np.argsort(self.channel_swap[in_])]
        if in_ in self.transpose:
            result = result.transpose(np.argsort(self.transpose[in_]))
        return result

    def set_transpose(self, in_: str, order: Sequence[int]) -> None:
        """The order of axes, e.g. (2, 0, 1) for (height, width, channels) -> (channels, height, width)."""
        self._check(in_)
        if len(order) != len(self.inputs[in_]) - 1:
            raise CaffeError(f"transpose order {tuple(order)} must have {len(self.inputs[in_]) - 1} entries")
        self.transpose[in_] = order

    def set_channel_swap(self, in_: str, order: Sequence[int]) -> None:
        """The order of channels, e.g. (2, 1, 0) for RGB -> BGR; counted after the transpose."""
        self._check(in_)
        if len(order) != self.inputs[in_][1]:
            raise CaffeError(f"channel order {tuple(order)} must have {self.inputs[in_][1]} entries, one per channel")
        self.channel_swap[in_] = order

    def set_raw_scale(self, in_: str, scale: float) -> None:
        """The factor before the mean: 255 for nets trained on 0..255 and images in [0, 1]."""
        self._check(in_)
        self.raw_scale[in_] = scale

    def set_mean(self, in_: str, mean: np.ndarray) -> None:
        """The mean to subtract: a value per channel, or an image (channels, height, width), resized if needed."""
        self._check(in_)
        shape = tuple(self.inputs[in_][1:])
        if mean.ndim == 1:
            if mean.shape[0] != shape[0]:
                raise ValueError(f"the mean has {mean.shape[0]} channels, the input {shape[0]}")
            mean = mean[:, None, None]
        else:
            if mean.ndim == 2:
                mean = mean[None]
            if mean.ndim != 3 or (mean.shape[0] not in (1, shape[0])):
                raise ValueError(f"the mean's shape {mean.shape} does not fit the input's {shape}")
            if mean.shape[1:] != shape[1:]:
                mean = resize_image(mean.transpose(1, 2, 0), shape[1:]).transpose(2, 0, 1)
        self.mean[in_] = mean

    def set_input_scale(self, in_: str, scale: float) -> None:
        """The factor after the mean and all else."""
        self._check(in_)
        self.input_scale[in_] = scale


def prepare(
    in_: str,
    shape: Sequence[int],
    mean: np.ndarray | None,
    input_scale: float | None,
    raw_scale: float | None,
    channel_swap: Sequence[int] | None,
) -> Transformer:
    """The Transformer of Classifier and Detector: images to channels first, and the steps that are not None."""
    transformer = Transformer({in_: shape})
    transformer.set_transpose(in_, (2, 0, 1))
    if mean is not None:
        transformer.set_mean(in_, mean)
    if input_scale is not None:
        transformer.set_input_scale(in_, input_scale)
    if raw_scale is not None:
        transformer.set_raw_scale(in_, raw_scale)
    if channel_swap is not None:
        transformer.set_channel_swap(in_, channel_swap)
    return transformer
