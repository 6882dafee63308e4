"""LSTMUnit, LSTM and RNN, written out step by step; states that are not exposed begin at zero in every run."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form
from caffe_torch.export.source import Step


def _markers(step: Step, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Continuation markers that begin a sequence at once, so that nothing is left of the run before."""
    drawn = random.integers(0, 2, shape).astype(np.float32)
    drawn[0] = 0
    return drawn


def _lstm_unit(g: Group, cell: str, gates: str, cont: str) -> list[str]:
    """The next cell and hidden state; ``cont`` is (1, streams, 1)."""
    i, f, o, c = g.nodes("Split", gates, outputs=4, axis=2)
    kept = g.node("Mul", g.node("Mul", cont, g.node("Sigmoid", f)), cell)
    new = g.node("Mul", g.node("Sigmoid", i), g.node("Tanh", c))
    cell = g.node("Add", kept, new)
    return [cell, g.node("Mul", g.node("Sigmoid", o), g.node("Tanh", cell))]


@form("LSTMUnit", draws={2: lambda step, random, shape: random.integers(0, 2, shape).astype(np.float32)})
def lstm_unit(g: Group) -> list[str]:
    return _lstm_unit(g, g.inputs[0], g.inputs[1], g.node("Unsqueeze", g.inputs[2], g.indices(2)))


def _recurrent(g: Group, lstm: bool) -> list[str]:
    layer = g.layer
    g.fixed(g.bottoms[0], 0, 1)
    time, streams = g.bottoms[0].sizes[:2]
    inputs = int(np.prod(g.bottoms[0].sizes[2:]))
    weights = [
        g.node("Transpose", g.blob(k), perm=[1, 0]) if array.ndim == 2 else g.blob(k)
        for k, array in enumerate(g.step.blobs)
    ]
    first = 3 if layer.static else 2
    if layer.exposed:
        states = [g.node("Reshape", x, g.indices(1, streams, layer.size)) for x in g.inputs[first:]]
    else:
        states = [g.constant(np.zeros((1, streams, layer.size)))] * layer.states
    x = g.node("Reshape", g.inputs[0], g.indices(time, streams, inputs))
    drive = g.node("Add", g.node("MatMul", x, weights.pop(0)), weights.pop(0))
    if layer.static:
        still = g.node("Reshape", g.inputs[2], g.indices(1, streams, -1))
        drive = g.node("Add", drive, g.node("MatMul", still, weights.pop(0)))
    outputs = []
    for t in range(time):
        now, cont = g.slice(drive, 0, t, t + 1), g.node("Unsqueeze", g.slice(g.inputs[1], 0, t, t + 1), g.indices(2))
        past = g.node("MatMul", g.node("Mul", cont, states[0]), weights[0])
        gates = g.node("Add", past, now)
        if lstm:
            cell, hidden = _lstm_unit(g, states[1], gates, cont)
            states = [hidden, cell]
            outputs.append(hidden)
        else:
            states = [g.node("Tanh", gates)]
            outputs.append(g.node("Tanh", g.node("Add", g.node("MatMul", states[0], weights[1]), weights[2])))
    return [g.node("Concat", *outputs, axis=0), *(states if layer.exposed else [])]


@form("LSTM", draws={1: _markers})
def lstm(g: Group) -> list[str]:
    return _recurrent(g, lstm=True)


@form("RNN", draws={1: _markers})
def rnn(g: Group) -> list[str]:
    return _recurrent(g, lstm=False)
