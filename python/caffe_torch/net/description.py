"""What Caffe's log tells of a net once it is built: its layers, blobs and their shapes, and where gradients go."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format

from caffe_torch.net.graph import Graph
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log

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


def describe(graph: Graph) -> None:
    """Write it, layer by layer, into the log."""
    count = 0
    for node in graph.nodes:
        log.info(f"Creating Layer {node.name}")
        for bottom in node.bottom_names:
            log.info(f"{node.name} <- {bottom}")
        for top in node.top_names:
            log.info(f"{node.name} -> {top}{' (in-place)' if top in node.bottom_names else ''}")
        log.info(f"Setting up {node.name}")
        for blob, weight in zip(node.tops, node.loss_weights):
            log.info("Top shape: " + "".join(f"{n} " for n in blob.shape) + f"({blob.count})")
            if weight:
                log.info(f"    with loss weight {weight:g}")
            count += blob.count
        log.info(f"Memory required for data: {count * _FLOAT}")
    for node in reversed(graph.nodes):
        does = "needs" if node.needs_backward else "does not need"
        log.info(f"{node.name} {does} backward computation.")
    for output in graph.outputs:
        log.info(f"This network produces output {output}")
    log.info("Network initialization done.")
