"""Where a loss stopped being a number: the first blob or parameter, in the order of the layers, that is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from caffe_torch.net.net import Net


def first(net: Net) -> str:
    """A few words on the first non-finite values of the net's last forward, to go into a message; or ``""``."""
    for (name, layer), names, tops in zip(net._named_layers(), net._top_names, net._tops):
        for i, blob in enumerate(layer.blobs):
            if not blob.tensor().isfinite().all():
                return f"parameter {i} of layer {name!r} holds NaN or infinity"
        for top, blob in zip(names, tops):
            if not blob.tensor().isfinite().all():
                what = (
                    "its data is bad"
                    if not layer.bottoms[1] and layer.bottoms[1] is not None
                    else "its inputs are finite"
                )
                return f"the first such values are in blob {top!r} of layer {name!r} ({layer.type}): {what}"
    return ""
