"""A net as a graph: its nodes in their order, and how they run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Callable

import torch
from torch import Tensor

from caffe_torch.blob.collections import NamedBlobs
from caffe_torch.net import device_limits
from caffe_torch.net.node import Node
from caffe_torch.net.params import Parameter
from caffe_torch.net.siblings import Siblings
from caffe_torch.runtime import allocator, device

#: Is given the index of a node.
Callback = Callable[[int], object]


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
    #: InnerProducts of one blob, which a device computes as one.
    siblings: list[Siblings] = field(default_factory=list)
    #: The blobs' shapes at the end of the last forward.
    _shapes: list[tuple[int, ...]] = field(default_factory=list)

    def forward(self, first: int = 0, last: int | None = None) -> float:
        """Run the nodes ``first`` to ``last``, all by default; the loss of those that ran."""
        # Asked for once, as a GPU has to be waited for.
        return float(self.forward_loss(first, last))

    def forward_loss(self, first: int = 0, last: int | None = None) -> Tensor:
        """``forward``, with the loss left where it was computed: a 0-dim tensor that nobody has waited for."""
        with self._limits():
            return self._forward(first, self._last(last))

    def _forward(self, first: int, last: int) -> Tensor:
        losses: list[Tensor] = []
        joined = {} if self.before_forward or self.after_forward else self._joined(first, last)
        for i in range(first, last + 1):
            if i in joined:
                if i == joined[i].members[0]:
                    joined[i].forward(self.nodes)
                continue
            for callback in self.before_forward:
                callback(i)
            self.nodes[i].forward()
            losses += self.nodes[i].losses()
            for callback in self.after_forward:
                callback(i)
        shapes = [blob.shape for blob in self.blobs.values()]
        if self._shapes and shapes != self._shapes:
            allocator.give_back()
        self._shapes = shapes
        return total(losses)

    def backward(self, first: int | None = None, last: int = 0) -> None:
        """Run gradients from node ``first``, the last by default, back to node ``last``."""
        with self._limits():
            self._backward(self._last(first), last)

    def _backward(self, first: int, last: int) -> None:
        joined = {} if self.before_backward or self.after_backward else self._joined(last, first)
        joined = {i: siblings for i, siblings in joined.items() if siblings.learn(self.nodes)}
        done = {siblings.split for siblings in joined.values()}
        for i in range(first, last - 1, -1):
            if i in joined and i == joined[i].members[0]:
                joined[i].backward(self.nodes)
            if i in joined or i in done:
                continue
            for callback in self.before_backward:
                callback(i)
            if self.nodes[i].needs_backward:
                self.nodes[i].backward()
            for callback in self.after_backward:
                callback(i)

    def _limits(self) -> AbstractContextManager[None]:
        learns = any(node.needs_backward for node in self.nodes)
        return device_limits.of_net(self.blobs.values(), (one.blob for one in self.learnable), learns)

    def _joined(self, first: int, last: int) -> dict[int, Siblings]:
        """By member, the siblings that may be computed as one in a run over the nodes ``first`` to ``last``."""
        if not self.siblings or device.current().type == "cpu":
            return {}
        within = [s for s in self.siblings if first <= s.split and s.members[-1] <= last]
        return {member: siblings for siblings in within for member in siblings.members}

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


def total(losses: list[Tensor]) -> Tensor:
    """The sum of 0-dim tensors, 0 of none; those on the host join those on a device without a copy."""
    if len(losses) == 1:
        return losses[0]
    there = [loss for loss in losses if loss.device.type != "cpu"]
    here = [loss for loss in losses if loss.device.type == "cpu"]
    if not there or not here:
        return torch.stack(losses).sum() if losses else torch.zeros((), dtype=torch.float64)
    return torch.stack(there).sum() + torch.stack(here).sum().to(there[0].dtype)
