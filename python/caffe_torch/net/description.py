"""What Caffe's log tells of a net once it is built: its layers, blobs and their shapes, and where gradients go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import text_format

from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log

if TYPE_CHECKING:
    from caffe_torch.net.net import Net

_FLOAT = 4


def parameters(what: str, param: Any) -> None:
    """Write the SolverParameter or NetParameter that a solver or net (``what``) is made of, without any weights."""
    if not log.informs():
        return
    if any(layer.blobs for layer in _layers(param)):
        whole, param = param, type(param)()
        param.CopyFrom(whole)
        for layer in _layers(param):
            layer.ClearField("blobs")
    log.info(f"Initializing {what} from parameters: \n{text_format.MessageToString(param).rstrip()}")


def _layers(param: Any) -> list[Any]:
    """The layers of a NetParameter, or of the nets inside a SolverParameter."""
    if isinstance(param, caffe_pb2.NetParameter):
        return list(param.layer)
    nets = [getattr(param, field) for field in ("net_param", "train_net_param") if param.HasField(field)]
    return [layer for net in (*nets, *param.test_net_param) for layer in net.layer]


def describe(net: Net) -> None:
    """Write it, layer by layer, into the log."""
    count = 0
    for i, (name, _) in enumerate(net._named_layers()):
        bottoms, tops = net._bottom_names[i], net._top_names[i]
        log.info(f"Creating Layer {name}")
        for bottom in bottoms:
            log.info(f"{name} <- {bottom}")
        for top in tops:
            log.info(f"{name} -> {top}{' (in-place)' if top in bottoms else ''}")
        log.info(f"Setting up {name}")
        for blob, weight in zip(net._tops[i], net._loss_weights[i]):
            log.info("Top shape: " + "".join(f"{n} " for n in blob.shape) + f"({blob.count})")
            if weight:
                log.info(f"    with loss weight {weight:g}")
            count += blob.count
        log.info(f"Memory required for data: {count * _FLOAT}")
    for (name, _), need in reversed(list(zip(net._named_layers(), net._need_backward))):
        log.info(f"{name} needs backward computation." if need else f"{name} does not need backward computation.")
    for output in net.outputs:
        log.info(f"This network produces output {output}")
    log.info("Network initialization done.")
