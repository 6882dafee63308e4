"""Layers without bottoms: Input, DummyData, Parameter."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter


@converter("Input")
def input_(graph: LayerGraph) -> list[str]:
    """The model's own inputs."""
    return graph.layer_node.tops


@converter("DummyData")
def dummy_data(graph: LayerGraph) -> list[str]:
    if any(filler.type != "constant" for filler in graph.layer.fillers):
        raise graph.fail("draws its values at random")
    return [graph.constant(np.full(top.sizes, filler.value)) for top, filler in zip(graph.tops, graph.layer.fillers)]


@converter("Parameter")
def parameter(graph: LayerGraph) -> list[str]:
    return [graph.blob(0)]
