"""Mean, scale and channel order inside the model, against the same in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import small

import caffe_torch as caffe
from caffe_torch import export


def _model(tmp_path, **settings):
    net = small.net(tmp_path)
    export.onnx(net, tmp_path / "net.onnx", preprocessing=export.Preprocessing(**settings))
    pixels = small.images(2, 3, 12, 13)
    return net, pixels, small.run(tmp_path / "net.onnx", data=pixels)[0]


def test_channels_mean_and_scale(tmp_path):
    net, pixels, prob = _model(tmp_path, mean=[104, 117, 123], scale=0.017, channels="rgb")
    expected = (pixels[:, ::-1] - np.float32([104, 117, 123])[:, None, None]) * np.float32(0.017)
    np.testing.assert_allclose(prob, small.forward(net, "prob", data=expected), rtol=1e-4)


def test_a_larger_mean_file_is_cut_at_its_centre(tmp_path):
    mean = small.images(1, 3, 17, 16)
    (tmp_path / "mean.binaryproto").write_bytes(caffe.io.array_to_blobproto(mean).SerializeToString())
    net, pixels, prob = _model(tmp_path, mean=str(tmp_path / "mean.binaryproto"))
    expected = small.forward(net, "prob", data=pixels - mean[:, :, 2:14, 1:14])
    np.testing.assert_allclose(prob, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": [1, 2]}, "3 channels"),
        ({"mean": np.zeros((3, 5, 5))}, "smaller than the input"),
        ({"channels": "rbg"}, "expected bgr or rgb"),
        ({"mean": "missing.binaryproto"}, "missing.binaryproto"),
        ({"blob": "prob"}, "preprocessing is for 'prob'"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, settings, message):
    with pytest.raises(caffe.CaffeError, match=message):
        _model(tmp_path, **settings)
    assert not (tmp_path / "net.onnx").exists()


def test_a_mean_of_pixels_needs_a_fixed_size(tmp_path):
    mean = export.Preprocessing(mean=np.zeros((3, 12, 13)))
    with pytest.raises(caffe.CaffeError, match="fixed height and width"):
        export.onnx(small.net(tmp_path, small.OPEN), tmp_path / "n.onnx", any_size=True, preprocessing=mean)
