"""Arithmetic without parameters: Power, Exp, Log, Eltwise, Reduction."""

from __future__ import annotations

from caffe_torch.export.graph import Group
from caffe_torch.export.registry import form


@form("Power")
def power(g: Group) -> list[str]:
    param = g.param.power_param
    y = g.shifted(g.scaled(g.inputs[0], param.scale), param.shift)
    return [y if param.power == 1 else g.node("Pow", y, g.constant(param.power))]


@form("Exp")
def exp(g: Group) -> list[str]:
    param, log_base = g.param.exp_param, g.layer.log_base
    return [g.node("Exp", g.shifted(g.scaled(g.inputs[0], param.scale * log_base), param.shift * log_base))]


@form("Log")
def log(g: Group) -> list[str]:
    param = g.param.log_param
    return [g.scaled(g.node("Log", g.shifted(g.scaled(g.inputs[0], param.scale), param.shift)), 1 / g.layer.log_base)]


@form("Eltwise")
def eltwise(g: Group) -> list[str]:
    param = g.param.eltwise_param
    parts = g.inputs
    if param.operation == param.SUM and len(param.coeff):
        parts = [g.scaled(x, coefficient) for x, coefficient in zip(parts, param.coeff)]
    op = {param.SUM: "Add", param.PROD: "Mul", param.MAX: "Max"}[param.operation]
    y = parts[0]
    for x in parts[1:]:
        y = g.node(op, y, x)
    return [y]


@form("Reduction")
def reduction(g: Group) -> list[str]:
    param, x = g.param.reduction_param, g.inputs[0]
    axes = list(range(g.layer.axis, len(g.bottoms[0])))
    if param.operation == param.SUM:
        y = g.node("ReduceSum", x, g.indices(*axes), keepdims=0)
    else:
        op = {param.ASUM: "ReduceL1", param.SUMSQ: "ReduceSumSquare", param.MEAN: "ReduceMean"}[param.operation]
        y = g.node(op, x, axes=axes, keepdims=0)
    return [g.scaled(y, param.coeff)]
