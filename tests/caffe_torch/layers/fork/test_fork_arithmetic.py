"""The forks' layers on values and axes, by hand, in loops, and by finite differences."""

import numpy as np
import pytest
from one_layer import TEST, TRAIN, OneLayer, normal

import caffe_torch as caffe

X = normal(2, 4, 6, 7)


@pytest.mark.parametrize(
    ("text", "bottoms"),
    [
        ('type: "Permute" permute_param { order: 0 order: 2 order: 3 order: 1 }', [X]),
        ('type: "Permute" permute_param { order: 1 }', [X]),
        ('type: "ShuffleChannel" shuffle_channel_param { group: 2 }', [X]),
        ('type: "Reorg" reorg_param { stride: 2 }', [normal(1, 4, 4, 6)]),
        ('type: "Reorg" reorg_param { stride: 2 reverse: true }', [normal(1, 8, 2, 3)]),
        ('type: "Flip" flip_param { flip_height: true }', [X]),
        ('type: "DepthwiseConvolution" convolution_param { num_output: 4 kernel_size: 3 pad: 1 '
         'weight_filler { type: "xavier" } }', [X]),
        ('type: "Axpy"', [normal(2, 4, 1, 1), X, normal(2, 4, 6, 7, seed=4)]),
        ('type: "ReLU6"', [5 * X]),
        ('type: "Normalize" norm_param { across_spatial: false channel_shared: false }', [normal(2, 3, 2, 2)]),
        ('type: "Normalize" norm_param { }', [normal(2, 3, 2, 2)]),
        ('type: "Normalize"', [normal(2, 3, 2, 2)]),
        ('type: "Normalize" normalize_param { normalize_type: "L1" }', [normal(2, 3, 2, 2)]),
        ('type: "Interp" interp_param { zoom_factor: 3 }', [X]),
        ('type: "Interp" interp_param { shrink_factor: 2 pad_beg: -1 }', [X]),
        ('type: "Interp" interp_param { height: 9 width: 4 pad_end: -1 }', [X]),
        ('type: "Interp"', [X, np.zeros((1, 1, 3, 5))]),
        ('type: "Upsample" upsample_param { scale: 2 }', [normal(1, 2, 2, 3)]),
    ],
)  # fmt: skip
def test_gradients(text, bottoms):
    OneLayer(text, *bottoms).check_gradients(step=1e-3, seed=5, tolerance=3e-2)


@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_the_norms_have_a_gradient_where_it_is_asked_for(kind):
    text = f'type: "Normalize" normalize_param {{ normalize_type: "{kind}" bp_norm: true }}'
    OneLayer(text, normal(2, 3, 2, 2), tops=2).check_gradients(step=1e-3, seed=5)


def test_permute_shuffle_and_flip_by_hand():
    x = np.arange(12, dtype=np.float32).reshape(1, 6, 1, 2)
    shuffled = OneLayer('type: "ShuffleChannel" shuffle_channel_param { group: 3 }', x).forward()
    np.testing.assert_array_equal(shuffled[0, :, 0, 0], x[0, [0, 2, 4, 1, 3, 5], 0, 0])
    np.testing.assert_array_equal(OneLayer('type: "Flip"', X).forward(), X[..., ::-1])
    permuted = OneLayer('type: "Permute" permute_param { order: 3 }', X).forward()
    np.testing.assert_array_equal(permuted, X.transpose(3, 0, 1, 2))


def test_reorg_is_darknets_loops():
    x, s = normal(1, 8, 4, 6), 2
    _, c, h, w = x.shape
    flat, expected, out_c = x.reshape(-1), np.empty(x.size, np.float32), c // 4
    for k in range(c):
        for j in range(h):
            for i in range(w):
                offset = k // out_c
                row, column = j * s + offset // s, i * s + offset % s
                expected[i + w * (j + h * k)] = flat[column + w * s * (row + h * s * (k % out_c))]
    result = OneLayer('type: "Reorg" reorg_param { stride: 2 }', x).forward()
    np.testing.assert_array_equal(result, expected.reshape(1, 32, 2, 3))
    back = OneLayer('type: "Reorg" reorg_param { stride: 2 reverse: true }', x).forward()
    for k in range(c):
        for j in range(h):
            for i in range(w):
                offset = k // out_c
                assert back[0, k % out_c, j * s + offset // s, i * s + offset % s] == x[0, k, j, i]


def test_axpy_scales_its_second_bottom_and_adds_the_third():
    """SENet's definition; OpenCV 4.14 adds the second and scales the third."""
    a, y = normal(2, 4, 1, 1, seed=1), normal(2, 4, 6, 7, seed=2)
    for factors in (a, a.reshape(2, 4)):
        np.testing.assert_allclose(OneLayer('type: "Axpy"', factors, X, y).forward(), a * X + y, atol=1e-6)


@pytest.mark.parametrize("name", ["DepthwiseConvolution", "ConvolutionDepthwise"])
def test_depthwise_convolution_has_one_filter_a_channel(name):
    layer = OneLayer(f'type: "{name}" convolution_param {{ num_output: 4 kernel_size: 3 stride: 2 bias_term: false '
                     'weight_filler { type: "gaussian" } }', X)  # fmt: skip
    weights = layer.params[0]
    assert weights.shape == (4, 1, 3, 3)
    expected = np.zeros((2, 4, 2, 3), np.float32)
    for n, c, i, j in np.ndindex(*expected.shape):
        expected[n, c, i, j] = (X[n, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * weights[c, 0]).sum()
    np.testing.assert_allclose(layer.forward(), expected, rtol=1e-4, atol=1e-5)


def test_upsample_puts_values_back_where_the_pooling_took_them():
    pool = OneLayer('type: "Pooling" pooling_param { pool: MAX kernel_size: 2 stride: 2 }', X, tops=2)
    pooled, mask = pool.tops[0], pool.tops[1]
    pool.forward()
    layer = OneLayer('type: "Upsample" upsample_param { scale: 2 upsample_h: 6 upsample_w: 7 }', pooled.data, mask.data)
    result = layer.forward()
    assert result.shape == X.shape
    for n, c in np.ndindex(2, 4):
        expected = np.zeros(42, np.float32)
        for value, place in zip(pooled.data[n, c].reshape(-1), mask.data[n, c].reshape(-1)):
            expected[int(place)] = value
        np.testing.assert_array_equal(result[n, c].reshape(-1), expected)
    np.testing.assert_array_equal(layer.backward(result)[0], pooled.data)
    small = OneLayer('type: "Upsample" upsample_param { scale: 2 }', pooled.data, mask.data)
    assert small.tops[0].shape == (2, 4, 6, 8)
    with pytest.raises(caffe.CaffeError, match="upsample_h"):
        OneLayer('type: "Upsample" upsample_param { upsample_h: 2 upsample_w: 2 }', pooled.data, mask.data).forward()


def test_upsample_by_scale_repeats_pixels():
    result = OneLayer('type: "Upsample" upsample_param { scale: 2 }', [[[[1, 2]]]]).forward()
    np.testing.assert_array_equal(result, [[[[1, 1, 2, 2], [1, 1, 2, 2]]]])


PSPNETS = "bn_param { slope_filler { value: 2 } bias_filler { value: 3 } momentum: 0.9 eps: 0.01 %s }"


def test_bn_of_pspnet():
    layer = OneLayer('type: "BN" ' + PSPNETS % "", X)
    assert [p.shape for p in layer.params] == [(1, 4, 1, 1)] * 4 and not layer.params[3].any()
    mean, variance = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
    sides = (slice(None), None, None)
    expected = 2 * (X - mean[sides]) / np.sqrt(variance[sides] + 0.01) + 3
    np.testing.assert_allclose(layer.forward(), expected, atol=1e-5)
    np.testing.assert_allclose(layer.params[2].reshape(-1), 0.1 * mean, atol=1e-6)
    np.testing.assert_allclose(layer.params[3].reshape(-1), 0.1 * variance, atol=1e-6)
    for phase, more in ((TEST, ""), (TRAIN, "frozen: true")):
        layer = OneLayer('type: "BN" ' + PSPNETS % more, X, phase=phase)
        layer.params[2][...], layer.params[3][...] = 0.5, 4
        np.testing.assert_allclose(layer.forward(), 2 * (X - 0.5) / np.sqrt(4.01) + 3, atol=1e-5)
        np.testing.assert_allclose(layer.backward(X)[0], 2 * X / np.sqrt(4.01), atol=1e-5)
    assert [spec.lr_mult for spec in layer.layer.param.param] == [0, 0, 0, 0]


def test_bn_of_segnet():
    learn = "bn_param { scale_filler { value: 2 } shift_filler { value: 3 } }"
    for phase in (TRAIN, TEST):
        layer = OneLayer(f'type: "BN" {learn}', X, phase=phase)
        mean, variance = X.mean(axis=(0, 2, 3), keepdims=True), X.var(axis=(0, 2, 3), keepdims=True)
        np.testing.assert_allclose(layer.forward(), 2 * (X - mean) / np.sqrt(variance) + 3, atol=1e-5)
    OneLayer(f'type: "BN" {learn}', normal(2, 3, 2, 2)).check_gradients(step=1e-3, seed=5)
    layer = OneLayer(f'type: "BN" {learn.replace("bn_param {", "bn_param { bn_mode: INFERENCE ")}', X)
    np.testing.assert_allclose(layer.forward(), 2 * X + 3, rtol=1e-6)
    with pytest.raises(caffe.CaffeError, match="scale_filler of SegNet's and frozen of PSPNet's"):
        OneLayer('type: "BN" bn_param { scale_filler { } frozen: true }', X)


def test_softmax_with_loss_weighs_classes_as_segnet_does():
    weights = "weight_by_label_freqs: true class_weighting: 0.5 class_weighting: 2 class_weighting: 1"
    scores, labels = normal(2, 3, 2, 2), np.array([0, 1, 2, 1, 1, 0, 11, 2], np.float32).reshape(2, 1, 2, 2)
    layer = OneLayer(f'type: "SoftmaxWithLoss" loss_param {{ ignore_label: 11 {weights} }}', scores, labels)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    total = 0
    for n, i, j in np.ndindex(2, 2, 2):
        label = int(labels[n, 0, i, j])
        total += 0 if label == 11 else -[0.5, 2, 1][label] * np.log(p[n, label, i, j])
    assert layer.forward() == pytest.approx(total / 7, rel=1e-5)
    layer.check_gradients(step=1e-3, seed=5)
    with pytest.raises(caffe.CaffeError, match="needs 3 class_weighting"):
        OneLayer('type: "SoftmaxWithLoss" loss_param { weight_by_label_freqs: true }', scores, labels)


def test_other_spellings_of_dilation_and_rounding():
    filled = "kernel_size: 3 num_output: 2 weight_filler { value: 1 }"
    dilated = OneLayer(f'type: "Convolution" convolution_param {{ {filled} dilation: 2 }}', X).forward()
    for words in ("hole: 2", "hole_h: 2 hole_w: 2", "dilation_h: 2 dilation_w: 2"):
        result = OneLayer(f'type: "Convolution" convolution_param {{ {filled} {words} }}', X).forward()
        np.testing.assert_array_equal(result, dilated)
    window = "pool: MAX kernel_size: 2 stride: 2"
    for words, width in (("ceil_mode: false", 3), ("round_mode: FLOOR", 3), ("ceil_mode: true", 4), ("", 4)):
        assert OneLayer(f'type: "Pooling" pooling_param {{ {window} {words} }}', X).forward().shape[3] == width


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        ('type: "Permute" permute_param { order: 4 }', [(1, 2, 3, 4)], "order"),
        ('type: "ShuffleChannel" shuffle_channel_param { group: 3 }', [(1, 4, 1, 1)], "group 3"),
        ('type: "Reorg" reorg_param { stride: 2 }', [(1, 3, 4, 4)], "stride 2"),
        ('type: "Axpy"', [(2, 3), (2, 4, 1, 1), (2, 4, 1, 1)], "one factor a channel"),
        ('type: "Interp" interp_param { pad_beg: 1 }', [(1, 1, 4, 4)], "0 or less"),
        ('type: "Interp" interp_param { pad_beg: -4 zoom_factor: 2 }', [(1, 1, 4, 4)], "leave nothing"),
        ('type: "Interp"', [(1, 1, 4, 4)], "second bottom"),
        ('type: "Normalize" normalize_param { normalize_type: "L3" }', [(1, 2)], "L1 or L2"),
        ('type: "DepthwiseConvolution" convolution_param { num_output: 3 kernel_size: 1 }', [(1, 2, 1, 1)], "multiple"),
    ],
)
def test_wrong_settings_and_shapes(text, shapes, message):
    with pytest.raises(caffe.CaffeError, match=message):
        OneLayer(text, *[np.zeros(shape) for shape in shapes]).forward()
