"""InnerProducts that read one blob, as the task layers of a net do: computed as one on a device.

Each by itself costs a device a few launches forward and backward, which take longer than its arithmetic. The layers
keep their own parameters and blobs. Results differ from theirs by rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.inner_product import InnerProduct
from caffe_torch.layers.python import PythonLayer
from caffe_torch.layers.structure import Split
from caffe_torch.net import refusals
from caffe_torch.net.node import Node
from caffe_torch.runtime import precision


@dataclass(frozen=True)
class Siblings:
    """The indices of a Split and of the InnerProducts that read its tops, one each, in the net's order."""

    split: int
    members: list[int]

    def forward(self, nodes: Sequence[Node]) -> None:
        """The tops of all members: parts of one product."""
        members = [nodes[i] for i in self.members]
        for node in members:
            node.reshape()
        try:
            layers = _layers(members)
            biases = [layer.blobs[1].tensor().reshape(-1) for layer in layers if len(layer.blobs) > 1]
            weights = torch.cat([layer.weight() for layer in layers])
            rows = layers[0].rows(members[0].bottoms[0])
            y = precision.linear(rows, weights, torch.cat(biases) if biases else None)
            for node, part in zip(members, y.split([layer.outputs for layer in layers], dim=1)):
                node.tops[0].assign(part.reshape(node.tops[0].shape))
                node.ran = True
        except refusals.ASKED as error:
            refusals.refuse(members[0].layer, error, members[0].bottoms, members[0].tops)
            raise

    def learn(self, nodes: Sequence[Node]) -> bool:
        """Whether ``backward`` stands for the members' and the Split's own: all take part in it, and have run."""
        members, split = [nodes[i] for i in self.members], nodes[self.split]
        passes = members[0].propagate_down[0] == split.needs_backward == split.propagate_down[0]
        return passes and members[0].needs_backward and all(node.ran for node in members)

    def backward(self, nodes: Sequence[Node]) -> None:
        """The gradients of all members' parameters, and of what the Split reads; its tops' when asked for."""
        members, split = [nodes[i] for i in self.members], nodes[self.split]
        try:
            self._backward(members, split)
        except refusals.ASKED as error:
            refusals.refuse(members[0].layer, error, members[0].bottoms, members[0].tops)
            raise

    def _backward(self, members: list[Node], split: Node) -> None:
        layers = _layers(members)
        sizes = [layer.outputs for layer in layers]
        dy = torch.cat([node.tops[0].diff_tensor().reshape(-1, n) for node, n in zip(members, sizes)], dim=1)
        learned = layers[0].param_propagate_down
        if learned[0]:
            left, right = precision.factors(dy, layers[0].rows(members[0].bottoms[0]))
            gradients = torch.mm(left.t(), right).float().split(sizes)
            Blob.accumulate_diffs([layer.blobs[0] for layer in layers], gradients)
        if len(learned) > 1 and learned[1]:
            Blob.accumulate_diffs([layer.blobs[1] for layer in layers], dy.sum(dim=0).split(sizes))
        if not members[0].propagate_down[0]:
            return
        weights = torch.cat([layer.weight() for layer in layers])
        below = split.bottoms[0]
        below.assign_diff(precision.linear(dy, weights.t()))
        like, rows = torch.empty(below.shape, device="meta"), math.prod(below.shape[1 : layers[0].axis])
        for node, slopes, weight in zip(members, dy.split(sizes, dim=1), weights.split(sizes)):
            node.bottoms[0].defer_diff(_Share(slopes, weight, rows), like)


class _Share:
    """Computes what one member adds to the gradient of the blob that all read; an image has ``rows`` rows."""

    def __init__(self, slopes: Tensor, weight: Tensor, rows: int):
        self._slopes, self._weight, self._rows = slopes, weight, rows

    def __call__(self, images: slice, out: Tensor) -> None:
        part = self._slopes[images.start * self._rows : images.stop * self._rows]
        out.copy_(precision.linear(part, self._weight.t()).reshape(out.shape))


def find(nodes: Sequence[Node], owned: set[int]) -> list[Siblings]:
    """The siblings among ``nodes``; ``owned`` are the ids of the parameters that no other layer gave."""
    readers: dict[str, list[int]] = {}
    for i, node in enumerate(nodes):
        for name in node.bottom_names:
            readers.setdefault(name, []).append(i)
    siblings = []
    for i, node in enumerate(nodes):
        if type(node.layer) is not Split or len(node.tops) < 2:
            continue
        members = sorted(index for name in node.top_names for index in readers.get(name, []))
        if len(members) == len(node.tops) and _join([nodes[k] for k in members], owned) and _calm(nodes, i, members):
            siblings.append(Siblings(i, members))
    return siblings


def _join(members: list[Node], owned: set[int]) -> bool:
    """Whether the nodes are InnerProducts of one kind that nothing else is asked of."""
    first = members[0]
    if not all(type(node.layer) is InnerProduct for node in members):
        return False
    layers = _layers(members)
    return all(
        layer.axis > 0
        and not layer.transpose
        and not any(node.loss_weights)
        and all(id(blob) in owned for blob in layer.blobs)
        and (layer.axis, len(layer.blobs), layer.param_propagate_down)
        == (layers[0].axis, len(layers[0].blobs), layers[0].param_propagate_down)
        and (node.propagate_down, node.needs_backward) == (first.propagate_down, first.needs_backward)
        for node, layer in zip(members, layers)
    )


def _calm(nodes: Sequence[Node], split: int, members: list[int]) -> bool:
    """Whether no node between the members could change what they read: their bottom, or, in Python, anything."""
    between = [nodes[i] for i in range(split + 1, members[-1]) if i not in members]
    tops = set(nodes[split].top_names)
    return not any(isinstance(node.layer, PythonLayer) or tops & set(node.top_names) for node in between)


def _layers(members: list[Node]) -> list[InnerProduct]:
    return [node.layer for node in members if isinstance(node.layer, InnerProduct)]
