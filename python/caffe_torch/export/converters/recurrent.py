"""LSTMUnit, LSTM and RNN, written out step by step; states that are not exposed begin at zero in every run."""

from __future__ import annotations

import numpy as np

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter
from caffe_torch.export.subgraph import LayerNode


def _markers(layer_node: LayerNode, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Continuation markers that begin a sequence at once, so that nothing is left of the run before."""
    drawn = random.integers(0, 2, shape).astype(np.float32)
    drawn[0] = 0
    return drawn


def _lstm_unit(graph: LayerGraph, cell: str, gates: str, cont: str) -> list[str]:
    """The next cell and hidden state; ``cont`` is (1, streams, 1)."""
    i, f, o, c = graph.nodes("Split", gates, outputs=4, axis=2)
    kept = graph.node("Mul", graph.node("Mul", cont, graph.node("Sigmoid", f)), cell)
    new = graph.node("Mul", graph.node("Sigmoid", i), graph.node("Tanh", c))
    cell = graph.node("Add", kept, new)
    return [cell, graph.node("Mul", graph.node("Sigmoid", o), graph.node("Tanh", cell))]


@converter(
    "LSTMUnit", test_values={2: lambda layer_node, random, shape: random.integers(0, 2, shape).astype(np.float32)}
)
def lstm_unit(graph: LayerGraph) -> list[str]:
    return _lstm_unit(
        graph, graph.inputs[0], graph.inputs[1], graph.node("Unsqueeze", graph.inputs[2], graph.indices(2))
    )


def _recurrent(graph: LayerGraph, lstm: bool) -> list[str]:
    layer = graph.layer
    graph.require_fixed(graph.bottoms[0], 0, 1)
    time, streams = graph.bottoms[0].sizes[:2]
    inputs = int(np.prod(graph.bottoms[0].sizes[2:]))
    weights = [
        graph.node("Transpose", graph.blob(k), perm=[1, 0]) if array.ndim == 2 else graph.blob(k)
        for k, array in enumerate(graph.layer_node.blobs)
    ]
    first = 3 if layer.static else 2
    if layer.exposed:
        states = [graph.node("Reshape", x, graph.indices(1, streams, layer.size)) for x in graph.inputs[first:]]
    else:
        states = [graph.constant(np.zeros((1, streams, layer.size)))] * layer.state_count
    x = graph.node("Reshape", graph.inputs[0], graph.indices(time, streams, inputs))
    from_inputs = graph.node("Add", graph.node("MatMul", x, weights.pop(0)), weights.pop(0))
    if layer.static:
        static = graph.node("Reshape", graph.inputs[2], graph.indices(1, streams, -1))
        from_inputs = graph.node("Add", from_inputs, graph.node("MatMul", static, weights.pop(0)))
    outputs = []
    for t in range(time):
        now, cont = (
            graph.slice(from_inputs, 0, t, t + 1),
            graph.node("Unsqueeze", graph.slice(graph.inputs[1], 0, t, t + 1), graph.indices(2)),
        )
        past = graph.node("MatMul", graph.node("Mul", cont, states[0]), weights[0])
        gates = graph.node("Add", past, now)
        if lstm:
            cell, hidden = _lstm_unit(graph, states[1], gates, cont)
            states = [hidden, cell]
            outputs.append(hidden)
        else:
            states = [graph.node("Tanh", gates)]
            outputs.append(
                graph.node("Tanh", graph.node("Add", graph.node("MatMul", states[0], weights[1]), weights[2]))
            )
    return [graph.node("Concat", *outputs, axis=0), *(states if layer.exposed else [])]


@converter("LSTM", test_values={1: _markers})
def lstm(graph: LayerGraph) -> list[str]:
    return _recurrent(graph, lstm=True)


@converter("RNN", test_values={1: _markers})
def rnn(graph: LayerGraph) -> list[str]:
    return _recurrent(graph, lstm=False)
