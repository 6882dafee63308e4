"""Classifier, by hand."""

import numpy as np

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
