"""Parity cases of normalisations, activations and arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from case import Case

IMAGE = {"data": (2, 4, 7, 8)}


def _normalization() -> list[Case]:
    def lrn(suffix: str, text: str, shape: tuple[int, ...] = (2, 7, 5, 6)) -> Case:
        return Case(f"lrn_{suffix}", f'type: "LRN" lrn_param {{ {text} }}', {"data": shape})

    def batch_norm(suffix: str, text: str = "", shape: tuple[int, ...] = (3, 4, 5, 5), **more: Any) -> Case:
        fills = {"layer/1": ["uniform", 0.5, 2.0], "layer/2": ["values", [0.8]]}
        return Case(
            f"batch_norm_{suffix}", f'type: "BatchNorm" batch_norm_param {{ {text} }}', {"data": shape}, fills, **more
        )

    def mvn(suffix: str, text: str, shape: tuple[int, ...] = (2, 3, 4, 5)) -> Case:
        return Case(f"mvn_{suffix}", f'type: "MVN" mvn_param {{ {text} }}', {"data": shape})

    return [
        lrn("across", "local_size: 5 alpha: 0.5 beta: 0.75"),
        lrn("across_alexnet", "local_size: 5 alpha: 0.0001 beta: 0.75", (2, 16, 5, 6)),
        lrn("across_k", "local_size: 3 alpha: 0.3 beta: 0.5 k: 2"),
        lrn("across_wide", "local_size: 9 alpha: 1 beta: 0.75", (2, 3, 4, 4)),
        lrn("across_one", "local_size: 1 alpha: 1 beta: 1"),
        lrn("within", "local_size: 3 alpha: 0.5 beta: 0.75 norm_region: WITHIN_CHANNEL"),
        lrn("within_k", "local_size: 5 alpha: 2 beta: 0.6 k: 3 norm_region: WITHIN_CHANNEL"),
        batch_norm("train"),
        batch_norm("train_twice", "moving_average_fraction: 0.9 eps: 0.001", forwards=2),
        batch_norm("test", phase="TEST"),
        batch_norm("global", "use_global_stats: true"),
        batch_norm("local_in_test", "use_global_stats: false", phase="TEST"),
        batch_norm("flat", shape=(6, 4)),
        batch_norm("in_place", in_place=True),
        mvn("plain", ""),
        mvn("across", "across_channels: true"),
        mvn("mean_only", "normalize_variance: false"),
        mvn("eps", "eps: 0.5"),
        mvn("flat", "across_channels: true", (3, 7)),
    ]


def _activations() -> list[Case]:
    cases = []
    for name, text in [
        ("relu", 'type: "ReLU"'),
        ("relu_slope", 'type: "ReLU" relu_param { negative_slope: 0.1 }'),
        ("sigmoid", 'type: "Sigmoid"'),
        ("tanh", 'type: "TanH"'),
        ("elu", 'type: "ELU" elu_param { alpha: 0.7 }'),
        ("bnll", 'type: "BNLL"'),
        ("swish", 'type: "Swish" swish_param { beta: 1.3 }'),
        ("absval", 'type: "AbsVal"'),
        ("clip", 'type: "Clip" clip_param { min: -0.5 max: 0.7 }'),
        ("prelu", 'type: "PReLU"'),
        ("prelu_shared", 'type: "PReLU" prelu_param { channel_shared: true }'),
        ("dropout_test", 'type: "Dropout" phase: TEST'),
        ("power", 'type: "Power" power_param { scale: 0.5 shift: 6 power: 1.7 }'),
        ("power_square", 'type: "Power" power_param { power: 2 scale: 1.5 shift: 0.3 }'),
        ("power_linear", 'type: "Power" power_param { scale: -1.5 shift: 0.3 }'),
        ("power_constant", 'type: "Power" power_param { scale: 0 shift: 3 power: 2 }'),
        ("power_zero", 'type: "Power" power_param { power: 0 }'),
        ("exp", 'type: "Exp"'),
        ("exp_base", 'type: "Exp" exp_param { base: 2 scale: 0.7 shift: -0.5 }'),
        ("log", 'type: "Log" log_param { shift: 7 }'),
        ("log_base", 'type: "Log" log_param { base: 10 scale: 0.5 shift: 7 }'),
        ("softmax", 'type: "Softmax"'),
        ("softmax_axis", 'type: "Softmax" softmax_param { axis: -1 }'),
    ]:
        cases.append(Case(name, text, IMAGE))
    for name, text in [
        ("relu", 'type: "ReLU"'),
        ("sigmoid", 'type: "Sigmoid"'),
        ("tanh", 'type: "TanH"'),
        ("relu_slope", 'type: "ReLU" relu_param { negative_slope: 0.1 }'),
        ("prelu", 'type: "PReLU"'),
        ("elu", 'type: "ELU"'),
        ("softmax", 'type: "Softmax"'),
    ]:
        cases.append(Case(f"{name}_in_place", text, IMAGE, in_place=True))
    cases.append(Case("bnll_large", 'type: "BNLL"', {"data": (4, 6)}, {"data": ["normal", 30.0]}))
    cases.append(Case("threshold", 'type: "Threshold" threshold_param { threshold: 0.2 }', IMAGE, backward=False))
    return cases


def _arithmetic() -> list[Case]:
    two, three = {"a": (2, 3, 4), "b": (2, 3, 4)}, {"a": (2, 3, 4), "b": (2, 3, 4), "c": (2, 3, 4)}
    ties = {name: ["round", 0.7] for name in three}

    def eltwise(
        suffix: str, text: str, bottoms: Mapping[str, tuple[int, ...]], fills: dict[str, list] | None = None
    ) -> Case:
        return Case(f"eltwise_{suffix}", f'type: "Eltwise" eltwise_param {{ {text} }}', bottoms, fills or {})

    cases = [
        eltwise("sum", "", three),
        eltwise("coeff", "operation: SUM coeff: 0.5 coeff: -2", two),
        eltwise("prod", "operation: PROD", three),
        eltwise("prod_unstable", "operation: PROD stable_prod_grad: false", three),
        eltwise("max", "operation: MAX", three),
        eltwise("max_ties", "operation: MAX", three, ties),
        Case("scale", 'type: "Scale"', IMAGE),
        Case("scale_bias", 'type: "Scale" scale_param { bias_term: true }', IMAGE),
        Case("scale_axes", 'type: "Scale" scale_param { axis: 1 num_axes: 2 bias_term: true }', IMAGE),
        Case("scale_rest", 'type: "Scale" scale_param { axis: 2 num_axes: -1 }', IMAGE),
        Case("scale_scalar", 'type: "Scale" scale_param { num_axes: 0 bias_term: true }', IMAGE),
        Case("scale_in_place", 'type: "Scale" scale_param { bias_term: true }', IMAGE, in_place=True),
        Case("scale_two", 'type: "Scale" scale_param { axis: 0 }', {"data": (3, 4, 5), "factor": (3, 4)}),
        Case(
            "scale_two_bias",
            'type: "Scale" scale_param { axis: 1 bias_term: true }',
            {"data": (3, 4, 5), "factor": (4,)},
        ),
        Case("bias", 'type: "Bias"', IMAGE),
        Case("bias_axis", 'type: "Bias" bias_param { axis: 0 num_axes: 2 }', IMAGE),
        Case("bias_two", 'type: "Bias" bias_param { axis: 1 }', {"data": (3, 4, 5), "add": (4, 5)}),
        Case("bias_in_place", 'type: "Bias"', IMAGE, in_place=True),
    ]
    for operation in ("SUM", "ASUM", "SUMSQ", "MEAN"):
        for axis in (0, 2):
            text = f'type: "Reduction" reduction_param {{ operation: {operation} axis: {axis} coeff: 0.7 }}'
            cases.append(Case(f"reduction_{operation.lower()}_{axis}", text, IMAGE))
    return cases


CASES = [*_normalization(), *_activations(), *_arithmetic()]
