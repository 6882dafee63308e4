"""InnerProduct and Embed."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form, integers_below
from caffe_torch.export.source import Shape


@form("InnerProduct")
def inner_product(g: Group) -> list[str]:
    layer, bottom, top = g.layer, g.bottoms[0], g.tops[0]
    x = g.inputs[0]
    if layer.axis == 1 and len(bottom) > 2:
        x = g.node("Flatten", x, axis=1)
    elif layer.axis != 1:
        x = g.reshape(x, bottom, _rows(bottom, layer.axis, layer.inputs))
    shape = (layer.inputs, layer.outputs) if layer.transpose else (layer.outputs, layer.inputs)
    weights = [g.blob(0, shape), *([g.blob(1, (layer.outputs,))] if len(g.step.blobs) > 1 else [])]
    y = g.node("Gemm", x, *weights, transB=int(not layer.transpose))
    return [y if layer.axis == 1 else g.reshape(y, _rows(top, layer.axis, layer.outputs), top)]


def _rows(shape: Shape, axis: int, columns: int) -> Shape:
    """All axes before ``axis`` joined."""
    return Shape((int(np.prod(shape.sizes[:axis])), columns), (int(np.prod(shape.others[:axis])), columns))


@form("Embed", draws={0: integers_below(lambda step: step.param.embed_param.input_dim)})
def embed(g: Group) -> list[str]:
    y = g.node("Gather", g.blob(0), g.whole(g.inputs[0]), axis=0)
    return [g.node("Add", y, g.blob(1)) if len(g.step.blobs) > 1 else y]
