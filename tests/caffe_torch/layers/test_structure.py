"""Split, Slice, Concat, Silence, Flatten, Reshape, Crop, Tile, BatchReindex, Filter."""

import numpy as np
import pytest
from one_layer import OneLayer, normal

from caffe_torch.errors import CaffeError


def test_split_shares_data_and_adds_gradients() -> None:
    layer = OneLayer('type: "Split"', [[1, 2]], tops=3)
    layer.forward()
    layer.bottoms[0].data[0, 0] = 7
    assert [blob.data[0, 0] for blob in layer.tops] == [7, 7, 7]
    np.testing.assert_array_equal(layer.backward(1, 10, 100)[0], [[111, 111]])


def test_slice_by_points_and_equally() -> None:
    layer = OneLayer('type: "Slice" slice_param { slice_point: 1 slice_point: 3 }', [[1, 2, 3, 4]], tops=3)
    layer.forward()
    assert [blob.data.tolist() for blob in layer.tops] == [[[1]], [[2, 3]], [[4]]]
    np.testing.assert_array_equal(layer.backward(1, 2, 3)[0], [[1, 2, 2, 3]])
    assert OneLayer('type: "Slice" slice_param { axis: 0 }', np.zeros((4, 5)), tops=2).tops[1].shape == (2, 5)


@pytest.mark.parametrize(
    "text, message",
    [
        ("slice_point: 2 slice_point: 1", "increase"),
        ("slice_point: 1", "2 slice points"),
        ("", "do not divide"),
        ("slice_point: 1 slice_point: 4", "beyond"),
        ("axis: 2", "out of range"),
    ],
)
def test_slice_refuses(text: str, message: str) -> None:
    with pytest.raises(CaffeError, match=message):
        OneLayer(f'type: "Slice" slice_param {{ {text} }}', np.zeros((2, 4)), tops=3)


def test_concat_and_its_gradient() -> None:
    layer = OneLayer('type: "Concat"', [[1, 2]], [[3]])
    np.testing.assert_array_equal(layer.forward(), [[1, 2, 3]])
    first, second = layer.backward([[4, 5, 6]])
    np.testing.assert_array_equal(first, [[4, 5]])
    np.testing.assert_array_equal(second, [[6]])
    with pytest.raises(CaffeError, match="agree"):
        OneLayer('type: "Concat"', np.zeros((1, 2)), np.zeros((2, 2)))


def test_gradients_have_their_own_memory() -> None:
    layer = OneLayer('type: "Eltwise"', normal(2, 3), normal(2, 3), normal(2, 3))
    layer.forward()
    diffs = layer.backward(1)
    diffs[1][...] = 5
    assert (diffs[0] == 1).all() and (diffs[2] == 1).all() and (layer.tops[0].diff == 1).all()


def test_silence_gives_zero_gradients() -> None:
    layer = OneLayer('type: "Silence"', [[1, 2]], tops=0)
    layer.bottoms[0].diff[...] = 3
    layer.layer.forward(layer.bottoms, layer.tops)
    assert not layer.backward()[0].any()


@pytest.mark.parametrize(
    "text, shape",
    [
        ('type: "Flatten"', (2, 60)),
        ('type: "Flatten" flatten_param { axis: 0 end_axis: 1 }', (6, 4, 5)),
        ('type: "Reshape" reshape_param { shape { dim: 0 dim: -1 dim: 2 } }', (2, 30, 2)),
        ('type: "Reshape" reshape_param { shape { dim: 2 dim: 2 } axis: 2 num_axes: 1 }', (2, 3, 2, 2, 5)),
        ('type: "Reshape" reshape_param { shape { dim: 1 } axis: -1 num_axes: 0 }', (2, 3, 4, 5, 1)),
    ],
)
def test_new_shapes_keep_the_order(text: str, shape: tuple[int, ...]) -> None:
    x = np.arange(120).reshape(2, 3, 4, 5)
    layer = OneLayer(text, x)
    np.testing.assert_array_equal(layer.forward(), x.reshape(shape))
    np.testing.assert_array_equal(layer.backward(x.reshape(shape))[0], x)


@pytest.mark.parametrize("dims", ["dim: 7", "dim: -1 dim: -1", "dim: 0 dim: 0 dim: 0", "dim: -1 dim: 7"])
def test_reshape_refuses(dims: str) -> None:
    with pytest.raises(CaffeError, match="shape"):
        OneLayer(f'type: "Reshape" reshape_param {{ shape {{ {dims} }} }}', np.zeros((2, 3)))


def test_flatten_needs_its_axes_in_order() -> None:
    with pytest.raises(CaffeError, match=r"layer 'it' \(Flatten\): axis 3 lies behind end_axis 1 .*\(2, 3, 4, 5\)"):
        OneLayer('type: "Flatten" flatten_param { axis: 3 end_axis: 1 }', np.zeros((2, 3, 4, 5)))
    layer = OneLayer('type: "Flatten" flatten_param { axis: 2 end_axis: 1 }', np.zeros((2, 3, 4, 5)))
    assert layer.forward().shape == (2, 3, 1, 4, 5)


def test_crop() -> None:
    layer = OneLayer(
        'type: "Crop" crop_param { axis: 1 offset: 1 offset: 0 }', np.arange(12).reshape(1, 3, 4), np.zeros((9, 2, 2))
    )
    np.testing.assert_array_equal(layer.forward(), [[[4, 5], [8, 9]]])
    with pytest.raises(CaffeError, match="beyond"):
        OneLayer('type: "Crop" crop_param { axis: 1 offset: 2 }', np.zeros((1, 3, 4)), np.zeros((1, 2, 2)))


def test_tile_repeats_and_sums() -> None:
    layer = OneLayer('type: "Tile" tile_param { axis: 1 tiles: 2 }', [[1, 2]])
    np.testing.assert_array_equal(layer.forward(), [[1, 2, 1, 2]])
    np.testing.assert_array_equal(layer.backward([[1, 2, 3, 4]])[0], [[4, 6]])


def test_batch_reindex() -> None:
    layer = OneLayer('type: "BatchReindex"', [[1], [2], [3]], [2, 0, 2])
    np.testing.assert_array_equal(layer.forward(), [[3], [1], [3]])
    np.testing.assert_array_equal(layer.backward()[0], [[1], [0], [2]])


def test_filter_keeps_selected_entries() -> None:
    layer = OneLayer('type: "Filter"', [[1], [2], [3]], [1, 0, 1])
    np.testing.assert_array_equal(layer.forward(), [[1], [3]])
    np.testing.assert_array_equal(layer.backward([[5], [6]])[0], [[5], [0], [6]])
    layer.bottoms[1].data[...] = 0
    assert layer.forward().shape == (0, 1)
