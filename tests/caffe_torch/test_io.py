"""caffe.io: conversions back and forth, images, crops, the Transformer."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from caffe_torch import io
from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2


def image(seed: int = 0, height: int = 6, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_arrays_to_blobprotos_and_back() -> None:
    array = np.random.default_rng(0).random((2, 3), np.float32)
    proto = io.array_to_blobproto(array, array * 2)
    np.testing.assert_array_equal(io.blobproto_to_array(proto), array)
    np.testing.assert_array_equal(io.blobproto_to_array(proto, return_diff=True), array * 2)
    many = io.blobprotovector_str_to_arraylist(io.arraylist_to_blobprotovector_str([array, array[0]]))
    assert [a.shape for a in many] == [(2, 3), (3,)]


def test_legacy_blobproto_has_four_axes() -> None:
    assert io.blobproto_to_array(caffe_pb2.BlobProto(num=1, channels=1, height=2, width=2, data=range(4))).shape == (
        1,
        1,
        2,
        2,
    )
    with pytest.raises(CaffeError, match="4 values do not fill"):
        io.blobproto_to_array(caffe_pb2.BlobProto(num=1, channels=1, height=2, width=3, data=range(4)))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_datums(dtype: type) -> None:
    array = image().transpose(2, 0, 1).astype(dtype)
    datum = io.array_to_datum(array, 7)
    assert datum.label == 7 and bool(datum.data) == (dtype is np.uint8)
    np.testing.assert_array_equal(io.datum_to_array(datum), array)
    with pytest.raises(ValueError, match="3 axes"):
        io.array_to_datum(array[0])


def test_load_image_is_rgb_in_0_to_1(tmp_path: Path) -> None:
    pixels = image()
    cv2.imwrite(str(tmp_path / "it.png"), pixels)
    np.testing.assert_allclose(io.load_image(tmp_path / "it.png"), pixels[:, :, ::-1] / np.float32(255), rtol=1e-6)
    grey = io.load_image(tmp_path / "it.png", color=False)
    assert grey.shape == (6, 8, 1) and grey.dtype == np.float32 and 0 <= grey.min() <= grey.max() <= 1
    cv2.imwrite(str(tmp_path / "grey.png"), pixels[:, :, 0])
    assert io.load_image(tmp_path / "grey.png").shape == (6, 8, 3)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([pixels, pixels[:, :, :1]]))
    assert io.load_image(tmp_path / "alpha.png").shape == (6, 8, 3)
    (tmp_path / "text.png").write_text("no image")
    for name in ("text.png", "missing.png"):
        with pytest.raises(CaffeError, match=name):
            io.load_image(tmp_path / name)


def test_resize_keeps_the_value_range_and_any_number_of_channels() -> None:
    resized = io.resize_image(np.full((4, 5, 7), 3.0), (8, 9))
    assert resized.shape == (8, 9, 7) and resized.dtype == np.float32
    np.testing.assert_allclose(resized, 3)
    assert io.resize_image(np.ones((4, 5, 1)), (2, 2)).shape == (2, 2, 1)


def test_oversample_order() -> None:
    pixels = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    crops = io.oversample([pixels], (2, 2))[..., 0]
    assert crops.shape == (10, 2, 2)
    assert crops[:5, 0, 0].tolist() == [0, 2, 8, 10, 5]
    np.testing.assert_array_equal(crops[5:], crops[:5, :, ::-1])


def transformer() -> io.Transformer:
    result = io.Transformer({"data": (1, 3, 6, 8)})
    result.set_transpose("data", (2, 0, 1))
    result.set_channel_swap("data", (2, 1, 0))
    result.set_raw_scale("data", 255)
    result.set_mean("data", np.array([1.0, 2.0, 3.0]))
    result.set_input_scale("data", 0.5)
    return result


def test_transformer_order_of_steps_and_back() -> None:
    pixels = (image() / 255).astype(np.float32)
    before = pixels.copy()
    blob = transformer().preprocess("data", pixels)
    np.testing.assert_allclose(blob[0], (pixels[:, :, 2] * 255 - 1) * 0.5, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_allclose(transformer().deprocess("data", blob), pixels, atol=1e-6)


def test_transformer_resizes_images_and_means() -> None:
    transform = transformer()
    assert transform.preprocess("data", np.zeros((12, 9, 3))).shape == (3, 6, 8)
    transform.set_mean("data", np.ones((3, 4, 4)))
    np.testing.assert_allclose(transform.mean["data"], np.ones((3, 6, 8)))


def test_transformer_names_what_does_not_fit() -> None:
    transform = transformer()
    with pytest.raises(CaffeError, match="'label' is not one of the net inputs: data"):
        transform.preprocess("label", image())
    with pytest.raises(CaffeError, match="3 entries"):
        transform.set_transpose("data", (0, 1))
    with pytest.raises(ValueError, match="2 channels"):
        transform.set_mean("data", np.zeros(2))


def test_load_image_takes_an_open_file(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((2, 3, 3), (10, 20, 30), np.uint8))
    with open(path, "rb") as file:
        np.testing.assert_array_equal(io.load_image(file), io.load_image(path))


def test_resize_image_finds_the_smallest_value_beyond_the_edge():
    image = np.array([[1.0, 3.0]], np.float32)[:, :, None]
    # Four pixels at -0.25, 0.25, 0.75 and 1.25 of two; beyond the edge lies 1.
    np.testing.assert_allclose(io.resize_image(image, (1, 4)).ravel(), [1, 1.5, 2.5, 2.5])
    # With two channels corners stay corners.
    both = np.concatenate([image, image], axis=2)
    np.testing.assert_allclose(io.resize_image(both, (1, 3))[0, :, 0], [1, 2, 3])


def test_a_blob_without_a_shape_is_a_value_error_as_in_pycaffe():
    with pytest.raises(ValueError, match="3 values do not fill its shape"):
        io.blobproto_to_array(caffe_pb2.BlobProto(data=[1, 2, 3]))
