"""caffe.draw: a net as a picture, by pydot and Graphviz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2

_WEIGHTED = ("Convolution", "Deconvolution", "InnerProduct")
_COLORS = {"Convolution": "#FF5050", "Deconvolution": "#FF5050", "Pooling": "#FF9900", "InnerProduct": "#CC33FF"}

LAYER_STYLE_DEFAULT = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}


def _pydot() -> Any:
    try:
        import pydot
    except ImportError:
        raise CaffeError(
            "caffe.draw needs pydot and Graphviz: `pip install pydot` (the extra `draw` of this package) and "
            "`apt-get install graphviz`"
        ) from None
    return pydot


def get_pooling_types_dict() -> dict[int, str]:
    """Number -> name of the pooling methods."""
    return {value: name for name, value in caffe_pb2.PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: Any) -> str:
    """What stands on the edge to a layer's tops: batch size, or number of outputs."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return '""'


def get_layer_lr_mult(layer: Any) -> tuple[float, float]:
    """lr_mult of weights and bias; ValueError for a layer that has none, or more than two ``param``."""
    if layer.type not in _WEIGHTED:
        raise ValueError(f"{layer.type} layers do not have a learning rate multiplier")
    if len(layer.param) > 2:
        raise ValueError(f"layer {layer.name!r}: {len(layer.param)} `param` entries, at most 2 can be shown")
    rates = [param.lr_mult for param in layer.param] + [1.0, 1.0]
    return rates[0], rates[1]


def get_layer_label(layer: Any, rankdir: str, display_lrm: bool = False) -> str:
    """The text of a layer's node, in double quotes: name, type, window, and learning rates by ``display_lrm``."""
    # Where the drawing runs down the page there is room at the side.
    separator = " " if rankdir in ("TB", "BT") else r"\n"
    pooling = layer.pooling_param
    kind = f"{layer.type} {get_pooling_types_dict()[pooling.pool]}" if layer.type == "Pooling" else layer.type
    parts = [layer.name, f"({kind})"]
    window: tuple[int, ...] | None = None
    if layer.type == "Pooling":
        window = pooling.kernel_size, pooling.stride, pooling.pad
    elif layer.type in ("Convolution", "Deconvolution"):
        param = layer.convolution_param
        window = tuple(
            values[0] if len(values) else default
            for values, default in ((param.kernel_size, 1), (param.stride, 1), (param.pad, 0))
        )
    if window is not None:
        parts += [f"kernel size: {window[0]}", f"stride: {window[1]}", f"pad: {window[2]}"]
    if display_lrm and layer.type in _WEIGHTED:
        weights, bias = get_layer_lr_mult(layer)
        if weights or bias:
            parts.append(f"lr mult: {weights:.1f}, {bias:.1f}")
    return f'"{separator.join(parts)}"'


def choose_color_by_layertype(layertype: str) -> str:
    """The fill of a layer's node."""
    return _COLORS.get(layertype, LAYER_STYLE_DEFAULT["fillcolor"])


def _drawn(layer: Any, phase: int | None) -> bool:
    if phase is None:
        return True
    if layer.include and layer.exclude:
        raise ValueError(f"layer {layer.name!r} has both include and exclude rules")
    included = not layer.include or any(rule.phase == phase for rule in layer.include)
    return included and not any(rule.phase == phase for rule in layer.exclude)


def get_pydot_graph(
    caffe_net: Any, rankdir: str, label_edges: bool = True, phase: int | None = None, display_lrm: bool = False
) -> Any:
    """The pydot graph of a NetParameter, one node per layer and per blob: of all, or of ``phase`` (TRAIN, TEST)."""
    pydot = _pydot()
    graph = pydot.Dot(caffe_net.name or "Net", graph_type="digraph", rankdir=rankdir)
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str, str]] = []
    for layer in caffe_net.layer:
        if not _drawn(layer, phase):
            continue
        node = f"{layer.name}_{layer.type}"
        in_place = len(layer.bottom) == len(layer.top) == 1 and layer.bottom[0] == layer.top[0]
        style = {**LAYER_STYLE_DEFAULT, "fillcolor": choose_color_by_layertype(layer.type)}
        style = NEURON_LAYER_STYLE if in_place else style
        nodes[node] = pydot.Node(get_layer_label(layer, rankdir, display_lrm), **style)
        for name in layer.bottom:
            nodes[f"{name}_blob"] = pydot.Node(name, **BLOB_STYLE)
            edges.append((f"{name}_blob", node, '""'))
        for name in layer.top:
            nodes[f"{name}_blob"] = pydot.Node(name)
            edges.append((node, f"{name}_blob", get_edge_label(layer) if label_edges else '""'))
    for made in nodes.values():
        graph.add_node(made)
    for source, target, label in edges:
        graph.add_edge(pydot.Edge(nodes[source], nodes[target], label=label))
    return graph


def draw_net(
    caffe_net: Any, rankdir: str, ext: str = "png", phase: int | None = None, display_lrm: bool = False
) -> bytes:
    """The picture of a NetParameter in Graphviz's format ``ext``; CaffeError where pydot or Graphviz is missing."""
    graph = get_pydot_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)
    try:
        return graph.create(format=ext)
    except FileNotFoundError:
        raise CaffeError(
            "caffe.draw needs Graphviz, whose program `dot` is not found: `apt-get install graphviz`"
        ) from None


def draw_net_to_file(
    caffe_net: Any, filename: str | Path, rankdir: str = "LR", phase: int | None = None, display_lrm: bool = False
) -> None:
    """Write the picture of a NetParameter; the format is the ending of ``filename`` (png, svg, dot, raw, ...)."""
    ext = str(filename)[str(filename).rfind(".") + 1 :]
    picture = draw_net(caffe_net, rankdir, ext, phase, display_lrm)
    Path(filename).write_bytes(picture)
