"""Node: a layer in its place in a net."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import Layer
from caffe_torch.net import refusals


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
        except refusals.ASKED as error:
            refusals.refuse(self.layer, error, self.bottoms, self.tops)
            raise

    def forward(self) -> None:
        self.reshape()
        try:
            self.layer.forward(self.bottoms, self.tops)
        except refusals.ASKED as error:
            refusals.refuse(self.layer, error, self.bottoms, self.tops)
            raise
        self.ran = True

    def losses(self) -> list[Tensor]:
        """What the tops add to the loss: a scalar for each that has a weight, where its top was written."""
        return [top.weighted_sum() for weight, top in zip(self.loss_weights, self.tops) if weight]

    def backward(self) -> None:
        if not self.ran:
            self._prepare_backward()
        self.layer.refuse_gradient(self.propagate_down)
        try:
            self.layer.backward(self.tops, self.propagate_down, self.bottoms)
        except refusals.ASKED as error:
            refusals.refuse(self.layer, error, self.bottoms, self.tops)
            raise

    def _prepare_backward(self) -> None:
        """Let a layer that never ran forward see its bottoms, as they are, before its backward; its tops stay."""
        copies = {id(blob): blob.copy() for blob in (*self.bottoms, *self.tops)}
        bottoms, tops = ([copies[id(blob)] for blob in blobs] for blobs in (self.bottoms, self.tops))
        try:
            self.layer.reshape(bottoms, tops)
            self.layer.forward(bottoms, tops)
        except refusals.ASKED as error:
            refusals.refuse(self.layer, error, bottoms, tops)
            raise
