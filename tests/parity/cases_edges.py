"""Parity cases of odd sizes, window edges, rarer options, and layers under a loss weight or without a gradient."""

from __future__ import annotations

from case import Case

ODD = {"data": (3, 5, 7, 3)}


def _convolution() -> list[Case]:
    cases = []
    for suffix, text, shape in [
        ("alexnet_conv1", "num_output: 4 kernel_size: 11 stride: 4", (1, 3, 31, 28)),
        ("alexnet_conv2", "num_output: 6 kernel_size: 5 pad: 2 group: 2", (2, 4, 7, 7)),
        ("1x1_stride", "num_output: 3 kernel_size: 1 stride: 2", (2, 4, 7, 5)),
        ("1x1_pad", "num_output: 3 kernel_size: 1 pad: 1", (2, 4, 3, 4)),
        ("1x1_group", "num_output: 6 kernel_size: 1 group: 3", (2, 3, 4, 3)),
        ("whole", "num_output: 3 kernel_h: 5 kernel_w: 4", (2, 3, 5, 4)),
        ("pad_over_kernel", "num_output: 3 kernel_size: 2 pad: 4 stride: 3", (2, 3, 4, 5)),
        ("stride_over_kernel", "num_output: 3 kernel_size: 2 stride: 3", (2, 3, 8, 7)),
        ("dilation_group", "num_output: 4 kernel_size: 3 dilation: 3 pad: 3 group: 2 stride: 2", (1, 4, 9, 8)),
        ("dilation_hw", "num_output: 2 kernel_size: 3 dilation: 2 dilation: 1", (1, 2, 8, 6)),
        ("nd", "num_output: 3 kernel_size: 3 stride: 2 pad: 1 force_nd_im2col: true", (2, 4, 7, 6)),
        ("one_image_one_channel", "num_output: 1 kernel_size: 2", (1, 1, 3, 3)),
    ]:
        cases.append(
            Case(f"convolution_{suffix}", f'type: "Convolution" convolution_param {{ {text} }}', {"data": shape})
        )
    for suffix, text, shape in [
        ("upsample", "num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false", (2, 4, 3, 5)),
        ("stride_over_kernel", "num_output: 2 kernel_size: 2 stride: 3", (1, 3, 3, 4)),
        ("whole", "num_output: 3 kernel_size: 5", (2, 4, 1, 1)),
    ]:
        cases.append(
            Case(f"deconvolution_{suffix}", f'type: "Deconvolution" convolution_param {{ {text} }}', {"data": shape})
        )
    frozen = "param { lr_mult: 0 } param { lr_mult: 1 }"
    return [
        *cases,
        Case(
            "convolution_frozen_weights", "", {"data": (2, 3, 5, 5), "target": (2, 2, 3, 3)},
            tops=("top", "loss"), loss=True, frozen=("target",), of="Convolution",
            net=f"""
layer {{ name: "top" type: "Convolution" bottom: "data" top: "top" {frozen}
        convolution_param {{ num_output: 2 kernel_size: 3 }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "top" bottom: "target" top: "loss" }}
""",
        ),
        Case("inner_product_frozen_bias", 'type: "InnerProduct" param { } param { lr_mult: 0 } '
             "inner_product_param { num_output: 3 }", {"data": (4, 5), "still": (1,)}, frozen=("still",), net="""
layer { name: "top" type: "InnerProduct" bottom: "data" top: "top" param { } param { lr_mult: 0 }
        inner_product_param { num_output: 3 } loss_weight: 0.3 }
layer { name: "quiet" type: "Silence" bottom: "still" }
""", of="InnerProduct", loss=True),
        Case("inner_product_one", 'type: "InnerProduct" inner_product_param { num_output: 1 }', {"data": (1, 1)}),
        Case("inner_product_transpose_axis", 'type: "InnerProduct" inner_product_param { num_output: 4 transpose: true '
             "axis: 2 bias_term: false }", {"data": (2, 3, 5)}),
        Case("im2col_1d", 'type: "Im2col" convolution_param { kernel_size: 3 stride: 2 pad: 1 }', {"data": (2, 3, 9)}),
    ]  # fmt: skip


def _pooling() -> list[Case]:
    cases = []
    for suffix, text, shape in [
        ("1x1", "kernel_size: 1", (2, 3, 4, 5)),
        ("1s1_one", "kernel_size: 1", (1, 1, 1, 1)),
        ("3s2_on_3", "kernel_size: 3 stride: 2", (1, 2, 3, 3)),
        ("3s2_on_4", "kernel_size: 3 stride: 2", (1, 2, 4, 4)),
        ("3s2_on_4x3", "kernel_size: 3 stride: 2", (1, 2, 4, 3)),
        ("3s2p1_on_2", "kernel_size: 3 stride: 2 pad: 1", (1, 2, 2, 2)),
        ("3s1p1", "kernel_size: 3 stride: 1 pad: 1", (2, 3, 5, 4)),
        ("4s3_overhang", "kernel_size: 4 stride: 3", (2, 3, 9, 8)),
        ("4s3p1_overhang", "kernel_size: 4 stride: 3 pad: 1", (2, 3, 9, 8)),
        ("2s2p1_odd", "kernel_size: 2 stride: 2 pad: 1", (2, 3, 7, 4)),
        ("3s2p2", "kernel_size: 3 stride: 2 pad: 2", (2, 3, 6, 9)),
        ("2s3_inside", "kernel_size: 2 stride: 3", (2, 3, 8, 5)),
        ("2s3p1", "kernel_size: 2 stride: 3 pad: 1", (2, 3, 7, 9)),
        ("pad_h_only", "kernel_size: 3 stride: 2 pad_h: 1 pad_w: 0", (2, 3, 8, 8)),
        ("global_one", "global_pooling: true", (2, 3, 1, 1)),
    ]:
        for method in ("MAX", "AVE"):
            text_of = f'type: "Pooling" pooling_param {{ pool: {method} {text} }}'
            cases.append(Case(f"pooling_edge_{method.lower()}_{suffix}", text_of, {"data": shape}))
    global_max = 'type: "Pooling" pooling_param { pool: MAX global_pooling: true }'
    negative = {"data": ["uniform", -9.0, -1.0]}
    padded = 'type: "Pooling" pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }'
    return [
        *cases,
        Case("pooling_mask_global", global_max, {"data": (2, 3, 4, 5)}, tops=("top", "mask")),
        Case("pooling_max_negative", padded, {"data": (2, 3, 6, 5)}, negative),
        Case("pooling_max_all_equal", padded, {"data": (2, 3, 6, 5)}, {"data": ["values", [2.0]]}),
        Case("spp_odd", 'type: "SPP" spp_param { pool: MAX pyramid_height: 2 }', {"data": (2, 3, 5, 4)}),
        Case("spp_ties", 'type: "SPP" spp_param { pool: MAX pyramid_height: 3 }', {"data": (1, 2, 8, 7)},
             {"data": ["round", 0.7]}),
    ]  # fmt: skip


def _pointwise() -> list[Case]:
    def lrn(suffix: str, text: str, shape: tuple[int, ...], fill: float = 1.0) -> Case:
        return Case(f"lrn_{suffix}", f'type: "LRN" lrn_param {{ {text} }}', {"data": shape}, {"data": ["normal", fill]})

    within = "norm_region: WITHIN_CHANNEL"
    cases = [
        lrn("one_channel", "local_size: 5 alpha: 1 beta: 0.75", (2, 1, 4, 3)),
        lrn("two_channels", "local_size: 5 alpha: 1 beta: 0.75", (2, 2, 4, 3)),
        lrn("large_values", "local_size: 5 alpha: 0.0001 beta: 0.75", (2, 12, 3, 3), 300.0),
        lrn("beta_half", "local_size: 7 alpha: 0.2 beta: 0.5", (1, 9, 3, 4)),
        lrn("beta_two", "local_size: 3 alpha: 0.2 beta: 2 k: 0.5", (1, 5, 3, 4)),
        lrn("within_odd", f"local_size: 5 alpha: 1 beta: 0.75 {within}", (2, 3, 5, 7)),
        lrn("within_wider_than_image", f"local_size: 7 alpha: 1 beta: 0.75 {within}", (2, 3, 4, 5)),
        lrn("within_one", f"local_size: 1 alpha: 1 beta: 1 {within}", (1, 2, 3, 3)),
        lrn("within_large", f"local_size: 3 alpha: 0.01 beta: 0.75 {within}", (1, 2, 9, 9), 100.0),
    ]
    for suffix, text in [
        ("relu_zeros", 'type: "ReLU"'),
        ("elu_one", 'type: "ELU"'),
        ("swish", 'type: "Swish"'),
        ("prelu_filled", 'type: "PReLU" prelu_param { filler { type: "constant" value: -0.5 } }'),
        ("clip_wide", 'type: "Clip" clip_param { min: -100 max: 100 }'),
        ("absval", 'type: "AbsVal"'),
        ("exp_shift", 'type: "Exp" exp_param { base: 0.5 scale: -1 shift: 1 }'),
    ]:
        cases.append(Case(f"odd_{suffix}", text, ODD, {"data": ["round", 1.0]}))
    cases += [
        Case("prelu_flat", 'type: "PReLU"', {"data": (4, 6)}),
        Case("power_cube", 'type: "Power" power_param { power: 3 }', ODD),
        Case("power_inverse", 'type: "Power" power_param { power: -1 shift: 9 }', ODD),
        Case("sigmoid_large", 'type: "Sigmoid"', ODD, {"data": ["normal", 60.0]}),
        Case("tanh_large", 'type: "TanH"', ODD, {"data": ["normal", 30.0]}),
        Case("softmax_large", 'type: "Softmax"', ODD, {"data": ["normal", 200.0]}),
        Case("softmax_one_class", 'type: "Softmax"', {"data": (3, 1, 2)}),
        Case("dropout_test_ratio", 'type: "Dropout" phase: TEST dropout_param { dropout_ratio: 0.3 }', ODD),
        Case("dropout_test_in_place", 'type: "Dropout" phase: TEST', ODD, in_place=True),
        Case("mvn_one_pixel_mean", 'type: "MVN" mvn_param { normalize_variance: false across_channels: true }', ODD),
        Case("batch_norm_one_channel", 'type: "BatchNorm"', {"data": (5, 1, 2, 3)}),
        Case("scale_negative_axis", 'type: "Scale" scale_param { axis: -1 bias_term: true }', ODD),
        Case("scale_two_scalar", 'type: "Scale" scale_param { axis: 0 }', {"data": (3, 4), "factor": ()}),
        Case("bias_scalar", 'type: "Bias" bias_param { num_axes: 0 }', ODD),
        Case("bias_negative_axis", 'type: "Bias" bias_param { axis: -2 num_axes: 1 }', ODD),
        Case("bias_two_frozen", 'type: "Bias" bias_param { axis: 0 }', {"data": (3, 4, 5), "add": (3,)},
             frozen=("add",)),
        Case("reduction_last", 'type: "Reduction" reduction_param { operation: SUM axis: -1 }', ODD),
        Case("reduction_of_a_vector", 'type: "Reduction" reduction_param { operation: MEAN }', {"data": (7,)}),
        Case("eltwise_five", 'type: "Eltwise" eltwise_param { operation: PROD }', {c: (2, 3) for c in "abcde"}),
        Case("eltwise_same_twice", "", {"a": (2, 3)}, of="Eltwise",
             net='layer { name: "top" type: "Eltwise" bottom: "a" bottom: "a" top: "top" '
                 "eltwise_param { operation: PROD } }"),
    ]  # fmt: skip
    return cases


def _shapes() -> list[Case]:
    return [
        Case("reshape_copy", 'type: "Reshape" reshape_param { shape { dim: 0 dim: -1 dim: 0 } axis: 0 num_axes: 3 }',
             ODD),
        Case("reshape_flat", 'type: "Reshape" reshape_param { shape { dim: -1 } }', ODD),
        Case("flatten_negative", 'type: "Flatten" flatten_param { axis: -3 end_axis: -1 }', ODD),
        Case("flatten_vector", 'type: "Flatten" flatten_param { axis: 0 }', {"data": (5,)}),
        Case("slice_many", 'type: "Slice" slice_param { axis: 1 slice_point: 1 slice_point: 2 slice_point: 4 }', ODD,
             tops=("top", "b", "c", "d")),
        Case("concat_many", 'type: "Concat"', {"a": (3, 1), "b": (3, 2), "c": (3, 3), "d": (3, 4)}),
        Case("tile_last", 'type: "Tile" tile_param { axis: -1 tiles: 3 }', ODD),
        Case("tile_one", 'type: "Tile" tile_param { tiles: 1 }', ODD),
        Case("crop_negative_axis", 'type: "Crop" crop_param { axis: -1 offset: 2 }',
             {"data": (2, 3, 6), "like": (1, 1, 4)}, frozen=("like",)),
        Case("crop_nothing", 'type: "Crop"', {"data": (2, 3, 4, 4), "like": (2, 3, 4, 4)}, frozen=("like",)),
        Case("batch_reindex_repeats", 'type: "BatchReindex"', {"data": (2, 3), "index": (5,)},
             {"index": ["values", [1, 1, 0, 1, 1]]}, frozen=("index",)),
        Case("filter_all", 'type: "Filter"', {"a": (4, 3), "selector": (4,)}, {"selector": ["values", [1]]},
             frozen=("selector",)),
        Case("filter_last", 'type: "Filter"',
             {"a": (4, 3, 2), "selector": (4, 1)}, {"selector": ["values", [0, 0, 0, 1]]},
             frozen=("selector",)),
        Case("split_in_a_net", "", {"data": (2, 3)}, tops=("a", "b", "c"), of="Split", net="""
layer { name: "a" type: "Power" bottom: "data" top: "a" power_param { scale: 2 } }
layer { name: "b" type: "Power" bottom: "data" top: "b" power_param { scale: 3 } }
layer { name: "c" type: "TanH" bottom: "data" top: "c" }
"""),
    ]  # fmt: skip


def _losses() -> list[Case]:
    pair = {"data": (4, 5), "label": (4,)}
    five = {"label": ["int", 5]}
    infogain = {"data": (3, 4), "label": (3,)}
    cases = []
    for weight in ("0", "0.25", "-1.5", "100"):
        cases.append(
            Case(f"softmax_loss_weight_{weight}", f'type: "SoftmaxWithLoss" loss_weight: {weight}', pair, five,
                 tops=("loss",), loss=True)
        )  # fmt: skip
    for name in ("EuclideanLoss", "HingeLoss", "SigmoidCrossEntropyLoss", "MultinomialLogisticLoss"):
        bottoms = pair if name in ("HingeLoss", "MultinomialLogisticLoss") else {"data": (4, 5), "label": (4, 5)}
        fills = {"data": ["uniform", 0.1, 1.0], "label": ["int", 5 if bottoms is pair else 2]}
        cases.append(
            Case(f"{name}_weight", f'type: "{name}" loss_weight: 0.37', bottoms, fills, tops=("loss",), loss=True)
        )
    return cases + [
        Case("softmax_loss_all_ignored", 'type: "SoftmaxWithLoss" loss_param { ignore_label: 0 }', pair,
             {"label": ["values", [0]]}, tops=("loss",), loss=True),
        Case("softmax_loss_ignore_255", 'type: "SoftmaxWithLoss" loss_param { ignore_label: 255 }',
             {"data": (2, 3, 4, 5), "label": (2, 1, 4, 5)}, {"label": ["values", [0, 255, 2, 1, 255]]},
             tops=("loss",), loss=True),
        Case("softmax_loss_negative_ignore", 'type: "SoftmaxWithLoss" loss_param { ignore_label: -1 }', pair,
             {"label": ["values", [-1, 2, 0, -1]]}, tops=("loss",), loss=True),
        Case("sigmoid_cross_entropy_negative_ignore", 'type: "SigmoidCrossEntropyLoss" '
             "loss_param { ignore_label: -1 normalization: VALID }", {"data": (3, 6), "label": (3, 6)},
             {"label": ["values", [-1, 0, 1, 1, 0]]}, tops=("loss",), loss=True),
        Case("sigmoid_cross_entropy_830", 'type: "SigmoidCrossEntropyLoss"', {"data": (8, 830), "label": (8, 830)},
             {"label": ["int", 2], "data": ["normal", 4.0]}, tops=("loss",), loss=True),
        Case("sigmoid_cross_entropy_4d", 'type: "SigmoidCrossEntropyLoss" loss_param { normalization: FULL }',
             {"data": (2, 3, 4, 5), "label": (2, 60)}, {"label": ["int", 2]}, tops=("loss",), loss=True),
        Case("softmax_loss_one_class", 'type: "SoftmaxWithLoss"', {"data": (3, 1), "label": (3,)},
             {"label": ["values", [0]]}, tops=("loss",), loss=True),
        Case("infogain_file", 'type: "InfogainLoss" infogain_loss_param { source: "../files/infogain.binaryproto" }',
             infogain, {"label": ["int", 4]}, tops=("loss",), loss=True),
        Case("infogain_axis", 'type: "InfogainLoss" infogain_loss_param { axis: 2 }',
             {"data": (2, 3, 4), "label": (2, 3), "h": (4, 4)}, {"label": ["int", 4]}, tops=("loss",), loss=True,
             frozen=("label", "h")),
        Case("euclidean_4d", 'type: "EuclideanLoss"', {"a": (2, 3, 2, 2), "b": (2, 12)}, tops=("loss",), loss=True),
        Case("hinge_l2_4d", 'type: "HingeLoss" hinge_loss_param { norm: L2 }', {"data": (3, 2, 1, 2), "label": (3,)},
             {"label": ["int", 4]}, tops=("loss",), loss=True),
        Case("contrastive_near", 'type: "ContrastiveLoss"', {"a": (5, 2), "b": (5, 2), "alike": (5, 1)},
             {"alike": ["int", 2], "a": ["normal", 0.3], "b": ["normal", 0.3]}, tops=("loss",), loss=True,
             frozen=("alike",)),
        Case("weighted_blob", "", {"data": (3, 4)}, tops=("top",), loss=True, of="InnerProduct",
             net='layer { name: "top" type: "InnerProduct" bottom: "data" top: "top" loss_weight: 0.4 '
                 "inner_product_param { num_output: 2 } }"),
        Case("accuracy_axis", 'type: "Accuracy" accuracy_param { axis: 2 top_k: 2 }',
             {"data": (3, 2, 6), "label": (3, 2)},
             {"label": ["int", 6]}, backward=False),
        Case("argmax_negative_axis", 'type: "ArgMax" argmax_param { axis: -2 top_k: 2 out_max_val: true }', ODD,
             backward=False),
        Case("threshold_default", 'type: "Threshold"', ODD, {"data": ["round", 1.0]}, backward=False),
    ]  # fmt: skip


CASES = [*_convolution(), *_pooling(), *_pointwise(), *_shapes(), *_losses()]
