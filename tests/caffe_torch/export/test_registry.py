"""The registry of what is written for each layer type."""

from __future__ import annotations

import pytest

from caffe_torch.export import onnx_model, registry


def test_a_second_converter_of_a_layer_type_is_refused():
    assert onnx_model  # imports the converters
    first = registry.CONVERTERS["ReLU"]
    with pytest.raises(ValueError, match="two converters: caffe_torch.export.*activations, test_registry"):
        registry.converter("ReLU")(lambda group: [])
    assert registry.CONVERTERS["ReLU"] is first
