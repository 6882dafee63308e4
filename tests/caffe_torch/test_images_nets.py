"""Classifier and Detector, by hand-worked nets."""

import cv2
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError

#: The mean of each channel of the crop.
NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 8 dim: 8 } } }
layer { name: "scale" type: "Scale" bottom: "data" top: "scale" param { lr_mult: 0 } }
layer { name: "mean" type: "Pooling" bottom: "scale" top: "mean" pooling_param { pool: AVE global_pooling: true } }
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.params["scale"][0].data[...] = 1
    net.save(str(tmp_path / "net.caffemodel"))
    return str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")


def test_classifier_crops_the_centre_or_averages_ten_crops(files):
    image = np.zeros((12, 12, 3), np.float32)
    image[:, :6, 0] = 1  # red on the left half
    image[2:10, 2:10, 2] = 0.5  # blue where the centre crop is
    classifier = caffe.Classifier(*files, image_dims=(12, 12), raw_scale=10, channel_swap=(2, 1, 0))
    centre = classifier.predict([image], oversample=False).reshape(3)
    np.testing.assert_allclose(centre, [5, 0, 5], rtol=1e-6)  # blue, green, red
    # Corners: red covers 6 or 2 of 8 columns; blue 6 x 6 of 64 pixels in each.
    ten = classifier.predict([image]).reshape(3)
    np.testing.assert_allclose(ten, [(4 * 36 / 64 + 1) / 5 * 5, 0, (2 * 6 / 8 + 2 * 2 / 8 + 0.5) / 5 * 10], rtol=1e-5)


def test_detector_warps_windows_and_fills_context_beyond_the_edge_with_the_mean(files, tmp_path):
    image = np.zeros((20, 20, 3), np.uint8)
    image[4:12, 4:12] = (30, 60, 90)  # BGR in the file
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, image)
    plain = caffe.Detector(*files, raw_scale=255, channel_swap=(2, 1, 0))
    (found,) = plain.detect_windows([(path, np.array([[4, 4, 12, 12]]))])
    assert found["filename"] == path and list(found["window"]) == [4, 4, 12, 12]
    np.testing.assert_allclose(found["prediction"].reshape(3), [30, 60, 90], rtol=1e-5)
    assert plain.detect_windows([]) == []
    mean = np.array([7.0, 8.0, 9.0])
    padded = caffe.Detector(*files, raw_scale=255, channel_swap=(2, 1, 0), mean=np.full((3, 8, 8), 7.0), context_pad=2)
    crop = padded.crop(np.full((20, 20, 3), 200 / 255, np.float32), np.array([0, 0, 7, 7]))
    assert crop.shape == (8, 8, 3)
    np.testing.assert_allclose(crop[0, 0] * 255, 7, rtol=1e-5)  # two pixels of context lie outside
    np.testing.assert_allclose(crop[4, 4] * 255, 200, rtol=1e-5)
    ordered = caffe.Detector(
        *files, channel_swap=(2, 1, 0), mean=mean[:, None, None] * np.ones((3, 8, 8)), context_pad=2
    )
    np.testing.assert_allclose(ordered.crop_mean[0, 0], [9, 8, 7])  # in the image's own order
    with pytest.raises(CaffeError, match=r"\(40, 40, 50, 50\) lies outside of its image, 20 x 20"):
        padded.crop(np.zeros((20, 20, 3), np.float32), np.array([40, 40, 50, 50]))


def test_selective_search_says_what_it_needs(files):
    with pytest.raises(CaffeError, match="selective_search_ijcv_with_python, which runs MATLAB.*detect_windows"):
        caffe.Detector(*files).detect_selective_search(["a.png"])
