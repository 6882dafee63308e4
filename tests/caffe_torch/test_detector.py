"""Detector, by hand."""

import cv2
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError


def test_detector_warps_windows_and_fills_context_beyond_the_edge_with_the_mean(mean_net, tmp_path):
    image = np.zeros((20, 20, 3), np.uint8)
    image[4:12, 4:12] = (30, 60, 90)  # BGR in the file
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, image)
    plain = caffe.Detector(*mean_net, raw_scale=255, channel_swap=(2, 1, 0))
    (result,) = plain.detect_windows([(path, np.array([[4, 4, 12, 12]]))])
    assert result["filename"] == path and list(result["window"]) == [4, 4, 12, 12]
    np.testing.assert_allclose(result["prediction"].reshape(3), [30, 60, 90], rtol=1e-5)
    assert plain.detect_windows([]) == []
    mean = np.array([7.0, 8.0, 9.0])
    padded = caffe.Detector(
        *mean_net, raw_scale=255, channel_swap=(2, 1, 0), mean=np.full((3, 8, 8), 7.0), context_pad=2
    )
    crop = padded.crop(np.full((20, 20, 3), 200 / 255, np.float32), np.array([0, 0, 7, 7]))
    assert crop.shape == (8, 8, 3)
    np.testing.assert_allclose(crop[0, 0] * 255, 7, rtol=1e-5)  # two pixels of context lie outside
    np.testing.assert_allclose(crop[4, 4] * 255, 200, rtol=1e-5)
    ordered = caffe.Detector(
        *mean_net, channel_swap=(2, 1, 0), mean=mean[:, None, None] * np.ones((3, 8, 8)), context_pad=2
    )
    np.testing.assert_allclose(ordered.crop_mean[0, 0], [9, 8, 7])  # in the image's own order
    with pytest.raises(CaffeError, match=r"\(40, 40, 50, 50\) has no pixel of its image, 20 x 20"):
        plain.detect_windows([(path, np.array([[40, 40, 50, 50]]))])
    with pytest.raises(CaffeError, match=r"\(40, 40, 50, 50\) lies outside of its image, 20 x 20"):
        padded.crop(np.zeros((20, 20, 3), np.float32), np.array([40, 40, 50, 50]))


def test_selective_search_says_what_it_needs(mean_net):
    with pytest.raises(CaffeError, match="selective_search_ijcv_with_python, which runs MATLAB.*detect_windows"):
        caffe.Detector(*mean_net).detect_selective_search(["a.png"])
