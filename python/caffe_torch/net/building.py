"""From a NetParameter, filtered and with its splits, to the graph that runs it."""

from __future__ import annotations

from typing import Any

from caffe_torch.blob.blob import Blob
from caffe_torch.layers import inline_weights
from caffe_torch.layers.base import Layer, create
from caffe_torch.layers.python import PythonLayer
from caffe_torch.net import description, refusals
from caffe_torch.net.graph import Graph
from caffe_torch.net.node import Node
from caffe_torch.net.params import share_parameters
from caffe_torch.net.siblings import find

#: The name of every top that a loss layer leaves unnamed.
AUTOMATIC = "(automatic)"


def build(param: Any, phase: int) -> Graph:
    """The graph of a NetParameter in ``phase``, its layers set up and its gradients' way decided, told in the log.

    CaffeError names the layer, blob or field at fault.
    """
    graph = Graph(param.name)
    gradients: dict[str, bool] = {}
    unread: dict[str, None] = {}
    for layer_param in param.layer:
        if not layer_param.HasField("phase"):
            layer_param.phase = phase
        node = _append(graph, create(layer_param, layer_param.phase), layer_param)
        for name in layer_param.bottom:
            unread.pop(name, None)
        unread.update(dict.fromkeys(layer_param.top))
        _decide_backward(node, layer_param, gradients)
    graph.outputs = sorted(unread)
    _skip_what_no_loss_needs(graph)
    description.describe(graph)
    if param.force_backward:
        _force_backward(graph)
    graph.learnable = share_parameters([(node.name, node.layer) for node in graph.nodes])
    graph.siblings = find(graph.nodes, {id(parameter.blob) for parameter in graph.learnable})
    return graph


def _append(graph: Graph, layer: Layer, param: Any) -> Node:
    """The layer joined to the graph and set up."""
    bottoms = [graph.blobs[name] for name in param.bottom]
    top_names, tops = list(param.top), _tops(graph, layer, param)
    while layer.is_loss and len(tops) < layer.tops[0]:
        # As in Caffe, a loss may leave its top unnamed: it counts, but nothing can use it.
        top_names.append(AUTOMATIC)
        tops.append(Blob())
        graph.blobs[AUTOMATIC] = tops[-1]
    layer.check_counts(bottoms, tops)
    try:
        layer.setup(bottoms, tops)
        if not isinstance(layer, PythonLayer):  # a user's has had them from the beginning
            inline_weights.take(layer)
        layer.reshape(bottoms, tops)
    except refusals.ASKED as error:
        refusals.refuse(layer, error, bottoms, tops)
        raise
    weights = _loss_weights(layer, param, tops)
    node = Node(layer, param.name, list(param.bottom), top_names, bottoms, tops, weights)
    graph.nodes.append(node)
    return node


def _tops(graph: Graph, layer: Layer, param: Any) -> list[Blob]:
    """The blobs that the layer makes: new ones, and those of its bottoms that it changes in place."""
    for j, name in enumerate(param.top):
        if name in param.bottom:
            if j >= len(param.bottom) or param.bottom[j] != name:
                raise layer.fail(f"top {name!r} is also a bottom, but not at the same place: no in-place layer")
        elif name in graph.blobs:
            raise layer.fail(f"top blob {name!r} is already made by an earlier layer")
        else:
            graph.blobs[name] = Blob()
            if param.type == "Input":
                graph.inputs.append(name)
    return [graph.blobs[name] for name in param.top]


def _loss_weights(layer: Layer, param: Any, tops: list[Blob]) -> list[float]:
    """One weight per top, put into its diff, from where backward takes it."""
    weights = list(param.loss_weight)
    if weights and len(weights) != len(tops):
        raise layer.fail(f"has {len(weights)} loss_weight for {len(tops)} top(s): give one per top or none")
    if not weights:
        weights = [1.0 if layer.is_loss and j == 0 else 0.0 for j in range(len(tops))]
    for weight, top in zip(weights, tops):
        if weight:
            top.diff[...] = weight
    return weights


def _decide_backward(node: Node, param: Any, gradients: dict[str, bool]) -> None:
    """Whether gradients pass through the node, and to which bottoms; ``gradients`` says so of the blobs above it."""
    layer = node.layer
    if param.propagate_down and len(param.propagate_down) != len(param.bottom):
        raise layer.fail(f"has {len(param.propagate_down)} propagate_down for {len(param.bottom)} bottom(s)")
    given = [gradients[name] for name in param.bottom]
    node.propagate_down = list(param.propagate_down) or given
    if len(param.param) > len(layer.blobs):
        raise layer.fail(f"has {len(param.param)} `param` entries for {len(layer.blobs)} parameter blob(s)")
    rates = [param.param[j].lr_mult if j < len(param.param) else 1.0 for j in range(len(layer.blobs))]
    layer.param_propagate_down = [rate != 0 for rate in rates]
    # propagate_down changes what goes to the bottoms, not whether the layer itself is in the way of a gradient.
    node.needs_backward = any(given) or any(layer.param_propagate_down)
    for name in node.top_names:
        gradients[name] = gradients.get(name, False) or node.needs_backward


def _skip_what_no_loss_needs(graph: Graph) -> None:
    """No gradient where none comes back, as no loss is below."""
    under_loss: set[str] = set()
    skipped: set[str] = set()
    for node in reversed(graph.nodes):
        contributes = any(w or t in under_loss for w, t in zip(node.loss_weights, node.top_names))
        if node.needs_backward and all(t in skipped for t in node.top_names):
            node.needs_backward = False
            node.propagate_down = [False] * len(node.bottoms)
        if not contributes:
            node.needs_backward = False
        for j, name in enumerate(node.bottom_names):
            if contributes:
                under_loss.add(name)
            else:
                node.propagate_down[j] = False
            if not node.propagate_down[j]:
                skipped.add(name)


def _force_backward(graph: Graph) -> None:
    """``force_backward``: gradients for every blob that can have one."""
    for node in graph.nodes:
        node.needs_backward = True
        node.propagate_down = [need or j not in node.layer.no_gradient for j, need in enumerate(node.propagate_down)]
        node.layer.param_propagate_down = [True] * len(node.layer.blobs)
