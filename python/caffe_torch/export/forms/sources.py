"""Layers without bottoms: Input, DummyData, Parameter."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form


@form("Input")
def input_(g: Group) -> list[str]:
    """The model's own inputs."""
    return g.step.tops


@form("DummyData")
def dummy_data(g: Group) -> list[str]:
    if any(filler.type != "constant" for filler in g.layer.fillers):
        raise g.fail("draws its values at random")
    return [g.constant(np.full(top.sizes, filler.value)) for top, filler in zip(g.tops, g.layer.fillers)]


@form("Parameter")
def parameter(g: Group) -> list[str]:
    return [g.blob(0)]
