"""InnerProduct and Embed."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter, integers_below
from caffe_torch.export.subgraph import Shape


@converter("InnerProduct")
def inner_product(graph: LayerGraph) -> list[str]:
    layer, bottom, top = graph.layer, graph.bottoms[0], graph.tops[0]
    x = graph.inputs[0]
    if layer.axis == 1 and len(bottom) > 2:
        x = graph.node("Flatten", x, axis=1)
    elif layer.axis != 1:
        x = graph.reshape(x, bottom, _rows(bottom, layer.axis, layer.inputs))
    shape = (layer.inputs, layer.outputs) if layer.transpose else (layer.outputs, layer.inputs)
    weights = [graph.blob(0, shape), *([graph.blob(1, (layer.outputs,))] if len(graph.layer_node.blobs) > 1 else [])]
    y = graph.node("Gemm", x, *weights, transB=int(not layer.transpose))
    return [y if layer.axis == 1 else graph.reshape(y, _rows(top, layer.axis, layer.outputs), top)]


def _rows(shape: Shape, axis: int, columns: int) -> Shape:
    """All axes before ``axis`` joined."""
    return Shape((int(np.prod(shape.sizes[:axis])), columns), (int(np.prod(shape.others[:axis])), columns))


@converter("Embed", test_values={0: integers_below(lambda layer_node: layer_node.param.embed_param.input_dim)})
def embed(graph: LayerGraph) -> list[str]:
    y = graph.node("Gather", graph.blob(0), graph.as_int(graph.inputs[0]), axis=0)
    return [graph.node("Add", y, graph.blob(1)) if len(graph.layer_node.blobs) > 1 else y]
