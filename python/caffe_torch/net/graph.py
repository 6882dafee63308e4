"""A net as a graph: nodes, each a layer with the blobs that it reads and makes, and how they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

import torch
from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.blob.collections import NamedBlobs
from caffe_torch.layers.base import Layer
from caffe_torch.net import shortage
from caffe_torch.net.params import Parameter
from caffe_torch.runtime import accelerator, device

#: Is given the index of a node.
Callback = Callable[[int], object]


@dataclass(eq=False)
class Node:
    """A layer in its place: the blobs that it reads (bottoms) and makes (tops), and what a gradient needs to know."""

    layer: Layer
    name: str
    bottom_names: list[str]
    top_names: list[str]
    bottoms: list[Blob]
    tops: list[Blob]
    #: A top's weight in the loss; 0 for most.
    loss_weights: list[float]
    #: Whether backward passes through the layer.
    needs_backward: bool = False
    #: Which bottoms get a gradient.
    propagate_down: list[bool] = field(default_factory=list)
    #: Whether the layer has run forward.
    ran: bool = False

    def reshape(self) -> None:
        """Let the tops follow the shapes of the bottoms."""
        try:
            self.layer.reshape(self.bottoms, self.tops)
        except (MemoryError, RuntimeError) as error:
            shortage.refuse(self.layer, error)
            raise

    def forward(self) -> None:
        self.reshape()
        try:
            self.layer.forward(self.bottoms, self.tops)
        except (MemoryError, RuntimeError) as error:
            shortage.refuse(self.layer, error)
            raise
        self.ran = True

    def losses(self) -> list[Tensor]:
        """What the tops add to the loss: a scalar for each that has a weight, float64 where the device has it."""
        kind = accelerator.sum_type(device.current())
        return [
            (top.tensor() * top.diff_tensor()).sum(dtype=kind)
            for weight, top in zip(self.loss_weights, self.tops)
            if weight
        ]

    def backward(self) -> None:
        if not self.ran:
            self._prepare_backward()
        self.layer.refuse_gradient(self.propagate_down)
        try:
            self.layer.backward(self.tops, self.propagate_down, self.bottoms)
        except (MemoryError, RuntimeError) as error:
            shortage.refuse(self.layer, error)
            raise

    def _prepare_backward(self) -> None:
        """Let a layer that never ran forward see its bottoms, as they are, before its backward; its tops stay."""
        copies = {id(blob): blob.copy() for blob in (*self.bottoms, *self.tops)}
        bottoms, tops = ([copies[id(blob)] for blob in blobs] for blobs in (self.bottoms, self.tops))
        self.layer.reshape(bottoms, tops)
        self.layer.forward(bottoms, tops)


@dataclass(eq=False)
class Graph:
    """The nodes of a net in the order of their running, and its blobs by name."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    blobs: NamedBlobs = field(default_factory=NamedBlobs)
    #: Blobs that Input layers make, in their order.
    inputs: list[str] = field(default_factory=list)
    #: Blobs that no layer reads, sorted.
    outputs: list[str] = field(default_factory=list)
    #: Every learnable parameter once, in the order of the layers.
    learnable: list[Parameter] = field(default_factory=list)
    before_forward: list[Callback] = field(default_factory=list)
    after_forward: list[Callback] = field(default_factory=list)
    before_backward: list[Callback] = field(default_factory=list)
    after_backward: list[Callback] = field(default_factory=list)

    def forward(self, first: int = 0, last: int | None = None) -> float:
        """Run the nodes ``first`` to ``last``, all by default; the loss of those that ran."""
        # Asked for once, as a GPU has to be waited for.
        return float(self.forward_loss(first, last))

    def forward_loss(self, first: int = 0, last: int | None = None) -> Tensor:
        """``forward``, with the loss left where it was computed: a 0-dim tensor that nobody has waited for."""
        losses: list[Tensor] = []
        for i in range(first, self._last(last) + 1):
            for callback in self.before_forward:
                callback(i)
            self.nodes[i].forward()
            losses += self.nodes[i].losses()
            for callback in self.after_forward:
                callback(i)
        if len(losses) == 1:
            return losses[0]
        return torch.stack(losses).sum() if losses else torch.zeros((), dtype=torch.float64)

    def backward(self, first: int | None = None, last: int = 0) -> None:
        """Run gradients from node ``first``, the last by default, back to node ``last``."""
        for i in range(self._last(first), last - 1, -1):
            for callback in self.before_backward:
                callback(i)
            if self.nodes[i].needs_backward:
                self.nodes[i].backward()
            for callback in self.after_backward:
                callback(i)

    def _last(self, index: int | None) -> int:
        return len(self.nodes) - 1 if index is None else index

    def reshape(self) -> None:
        """Let every layer follow the shapes of its bottoms."""
        for node in self.nodes:
            node.reshape()

    def find(self, name: str) -> Node | None:
        """The node of this name; of several the first, as in Caffe."""
        return next((node for node in self.nodes if node.name == name), None)

    def count(self, name: str) -> int:
        """How many nodes have this name."""
        return sum(node.name == name for node in self.nodes)
