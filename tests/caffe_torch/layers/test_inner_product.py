"""InnerProduct and Embed."""

import numpy as np
import pytest
from one_layer import OneLayer, normal

from caffe_torch.errors import CaffeError


def test_by_hand() -> None:
    layer = OneLayer('type: "InnerProduct" inner_product_param { num_output: 2 }', [[[1, 2], [3, 4]]])
    layer.params[0][...] = [[1, 0, 0, 1], [1, 1, 1, 1]]
    layer.params[1][...] = [0.5, -1]
    np.testing.assert_array_equal(layer.forward(), [[5.5, 9]])
    np.testing.assert_array_equal(layer.backward([[1, 10]])[0], [[[11, 10], [10, 11]]])
    np.testing.assert_array_equal(layer.layer.blobs[0].diff, [[1, 2, 3, 4], [10, 20, 30, 40]])
    np.testing.assert_array_equal(layer.layer.blobs[1].diff, [1, 10])


@pytest.mark.parametrize("text", ["", "transpose: true", "axis: 2", "bias_term: false"])
def test_gradients(text: str) -> None:
    filler = 'weight_filler { type: "gaussian" }'
    OneLayer(
        f'type: "InnerProduct" inner_product_param {{ num_output: 3 {filler} {text} }}', normal(2, 3, 4)
    ).check_gradients()


def test_other_input_size_is_refused() -> None:
    layer = OneLayer('type: "InnerProduct" inner_product_param { num_output: 3 }', normal(2, 3))
    layer.bottoms[0].reshape(2, 4)
    with pytest.raises(CaffeError, match="take 3 inputs, found 4"):
        layer.forward()


def test_embed_picks_rows_and_counts_repeats() -> None:
    layer = OneLayer('type: "Embed" embed_param { num_output: 2 input_dim: 3 bias_term: false }', [2, 0, 2])
    layer.params[0][...] = [[1, 2], [3, 4], [5, 6]]
    np.testing.assert_array_equal(layer.forward(), [[5, 6], [1, 2], [5, 6]])
    layer.backward()
    np.testing.assert_array_equal(layer.layer.blobs[0].diff, [[1, 1], [0, 0], [2, 2]])


def test_embed_refuses_an_index_beyond_the_table() -> None:
    with pytest.raises(CaffeError, match="allows 0 to 2"):
        OneLayer('type: "Embed" embed_param { num_output: 2 input_dim: 3 }', [3]).forward()
