"""Classifier: crops, preprocessing and the shapes of its scores, with numbers by hand."""

import numpy as np
import pytest

import caffe_torch as caffe


def test_classifier_crops_the_centre_or_averages_ten_crops(mean_net):
    image = np.zeros((12, 12, 3), np.float32)
    image[:, :6, 0] = 1  # red on the left half
    image[2:10, 2:10, 2] = 0.5  # blue where the centre crop is
    classifier = caffe.Classifier(*mean_net, image_dims=(12, 12), raw_scale=10, channel_swap=(2, 1, 0))
    centre = classifier.predict([image], oversample=False).reshape(3)
    np.testing.assert_allclose(centre, [5, 0, 5], rtol=1e-6)  # blue, green, red
    # Corners: red covers 6 or 2 of 8 columns; blue 6 x 6 of 64 pixels in each.
    ten = classifier.predict([image]).reshape(3)
    np.testing.assert_allclose(ten, [(4 * 36 / 64 + 1) / 5 * 5, 0, (2 * 6 / 8 + 2 * 2 / 8 + 0.5) / 5 * 10], rtol=1e-5)


def test_images_of_any_size_are_scored_in_their_order(mean_net):
    """Without image_dims each is resized to the net's 8 x 8; of six images the net's batch of 4 takes two runs."""
    sizes = [(8, 8), (16, 8), (5, 30), (9, 9), (8, 8), (40, 40)]
    images = [np.full((*size, 3), n, np.float32) for n, size in enumerate(sizes)]
    for dims in (None, ()):
        classifier = caffe.Classifier(*mean_net, image_dims=dims)
        for oversample in (True, False):
            scores = classifier.predict(images, oversample)
            assert scores.dtype == np.float32
            np.testing.assert_allclose(scores.reshape(6, 3), np.arange(6)[:, None] * np.ones(3), rtol=1e-6)


def test_mean_and_scales_come_in_pycaffes_order(mean_net):
    """(value * raw_scale - mean) * input_scale, after the channels are swapped."""
    classifier = caffe.Classifier(
        *mean_net, mean=np.array([1.0, 2.0, 3.0]), input_scale=0.5, raw_scale=10, channel_swap=(2, 1, 0)
    )
    image = np.ones((8, 8, 3), np.float32) * np.float32([0.1, 0.2, 0.3])
    np.testing.assert_allclose(classifier.predict([image]), [[(3 - 1) / 2, (2 - 2) / 2, (1 - 3) / 2]], atol=1e-6)


def test_the_centre_of_an_odd_difference_begins_above_the_middle(mean_net):
    """Of 11 pixels, 8 from 1 (1.5 cut down) to 9: pycaffe's rounding."""
    image = np.zeros((11, 11, 3), np.float32)
    image[1] = 8  # the crop's first row
    image[9] = 800  # the row after its last
    centre = caffe.Classifier(*mean_net, image_dims=(11, 11)).predict([image], oversample=False)
    np.testing.assert_allclose(centre.reshape(3), 1, rtol=1e-5)


def test_the_shapes_are_pycaffes(tmp_path):
    """The mean of ten crops is flat, the centre's scores are not."""
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 1 dim: 4 dim: 4 } } }'
        'layer { name: "ones" type: "Scale" bottom: "data" top: "data" }'
        'layer { name: "max" type: "Pooling" bottom: "data" top: "max" '
        "pooling_param { pool: MAX kernel_size: 2 stride: 2 } }"
    )
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    net.save(str(tmp_path / "net.caffemodel"))
    classifier = caffe.Classifier(str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel"))
    image = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    centre = classifier.predict([image, image, image], oversample=False)
    assert centre.shape == (3, 1, 2, 2)
    np.testing.assert_allclose(centre[0, 0], [[5, 7], [13, 15]])
    ten = classifier.predict([image, image, image])
    # Five crops are the image itself, five are mirrored.
    assert ten.shape == (3, 4)
    np.testing.assert_allclose(ten[2], [6, 6, 14, 14], rtol=1e-6)


@pytest.mark.parametrize("oversample", [True, False])
@pytest.mark.parametrize("dims", [(6, 12), (12, 6), (2, 2)])
def test_images_smaller_than_the_nets_input_are_refused(mean_net, dims, oversample):
    classifier = caffe.Classifier(*mean_net, image_dims=dims)
    with pytest.raises(caffe.CaffeError, match=f"{dims[0]} x {dims[1]} .* smaller than the net's input, 8 x 8"):
        classifier.predict([np.zeros((12, 12, 3), np.float32)], oversample)


@pytest.mark.parametrize("oversample", [True, False])
def test_no_image_is_an_error(mean_net, oversample):
    with pytest.raises(caffe.CaffeError, match="no image"):
        caffe.Classifier(*mean_net).predict([], oversample)
