"""Arithmetic without parameters: Power, Exp, Log, Eltwise, Reduction."""

from __future__ import annotations

from caffe_torch.export.graph import LayerGraph
from caffe_torch.export.registry import converter


@converter("Power")
def power(graph: LayerGraph) -> list[str]:
    param = graph.param.power_param
    y = graph.shifted(graph.scaled(graph.inputs[0], param.scale), param.shift)
    return [y if param.power == 1 else graph.node("Pow", y, graph.constant(param.power))]


@converter("Exp")
def exp(graph: LayerGraph) -> list[str]:
    param, log_base = graph.param.exp_param, graph.layer.log_base
    return [
        graph.node("Exp", graph.shifted(graph.scaled(graph.inputs[0], param.scale * log_base), param.shift * log_base))
    ]


@converter("Log")
def log(graph: LayerGraph) -> list[str]:
    param = graph.param.log_param
    return [
        graph.scaled(
            graph.node("Log", graph.shifted(graph.scaled(graph.inputs[0], param.scale), param.shift)),
            1 / graph.layer.log_base,
        )
    ]


@converter("Eltwise")
def eltwise(graph: LayerGraph) -> list[str]:
    param = graph.param.eltwise_param
    parts = graph.inputs
    if param.operation == param.SUM and len(param.coeff):
        parts = [graph.scaled(x, coefficient) for x, coefficient in zip(parts, param.coeff)]
    op = {param.SUM: "Add", param.PROD: "Mul", param.MAX: "Max"}[param.operation]
    y = parts[0]
    for x in parts[1:]:
        y = graph.node(op, y, x)
    return [y]


@converter("Reduction")
def reduction(graph: LayerGraph) -> list[str]:
    param, x = graph.param.reduction_param, graph.inputs[0]
    axes = list(range(graph.layer.axis, len(graph.bottoms[0])))
    if param.operation == param.SUM:
        y = graph.node("ReduceSum", x, graph.indices(*axes), keepdims=0)
    else:
        op = {param.ASUM: "ReduceL1", param.SUMSQ: "ReduceSumSquare", param.MEAN: "ReduceMean"}[param.operation]
        y = graph.node(op, x, axes=axes, keepdims=0)
    return [graph.scaled(y, param.coeff)]
