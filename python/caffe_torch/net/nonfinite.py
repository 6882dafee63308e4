"""Where a loss stopped being a number: the first blob or parameter, in the order of the layers, that is not finite."""

from __future__ import annotations

from caffe_torch.net.graph import Graph


def first(graph: Graph) -> str:
    """A few words on the first non-finite values of the last forward, to go into a message; or ``""``."""
    for node in graph.nodes:
        layer = node.layer
        for i, blob in enumerate(layer.blobs):
            if not blob.tensor().isfinite().all():
                return f"parameter {i} of layer {node.name!r} holds NaN or infinity"
        for top, blob in zip(node.top_names, node.tops):
            if not blob.tensor().isfinite().all():
                what = (
                    "its data is bad"
                    if not layer.bottoms[1] and layer.bottoms[1] is not None
                    else "its inputs are finite"
                )
                what = layer.complaint(node.bottoms, node.tops) or what
                return f"the first such values are in blob {top!r} of layer {node.name!r} ({layer.type}): {what}"
    return ""
