"""Parity cases of layers with windows or matrices: convolutions, inner products, pooling."""

from __future__ import annotations

from case import Case

IMAGE = {"data": (2, 4, 7, 8)}


def _convolution() -> list[Case]:
    cases = []
    for kind, name in (("Convolution", "convolution"), ("Deconvolution", "deconvolution")):
        for suffix, text, shape in [
            ("3x3", "num_output: 5 kernel_size: 3", (2, 4, 7, 8)),
            ("pad_stride", "num_output: 6 kernel_size: 5 pad: 2 stride: 3", (2, 4, 9, 8)),
            ("group2", "num_output: 6 kernel_size: 3 group: 2 pad: 1", (2, 4, 7, 7)),
            ("depthwise", "num_output: 4 kernel_size: 3 group: 4 stride: 2", (2, 4, 7, 6)),
            ("dilation", "num_output: 3 kernel_size: 3 dilation: 2 pad: 1", (2, 4, 9, 9)),
            ("hw", "num_output: 3 kernel_h: 3 kernel_w: 1 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0", (2, 4, 7, 5)),
            ("lists", "num_output: 3 kernel_size: 3 kernel_size: 2 stride: 1 stride: 2 pad: 1 pad: 0", (2, 4, 7, 6)),
            ("no_bias", "num_output: 3 kernel_size: 1 bias_term: false", (2, 4, 5, 5)),
            ("1x1", "num_output: 3 kernel_size: 1", (1, 4, 1, 1)),
            ("3d", "num_output: 3 kernel_size: 2 stride: 2 pad: 1", (2, 2, 4, 5, 6)),
            ("1d", "num_output: 3 kernel_size: 3 pad: 1", (2, 4, 9)),
            ("axis0", "num_output: 3 kernel_size: 3 axis: 0", (4, 7, 6)),
            ("axis2", "num_output: 3 kernel_size: 2 axis: 2", (2, 3, 4, 5, 5)),
        ]:
            cases.append(Case(f"{name}_{suffix}", f'type: "{kind}" convolution_param {{ {text} }}', {"data": shape}))
        cases.append(
            Case(
                f"{name}_two_bottoms",
                f'type: "{kind}" convolution_param {{ num_output: 2 kernel_size: 3 }}',
                {"data": (2, 3, 5, 5), "other": (2, 3, 5, 5)},
                tops=("top", "second"),
            )
        )
    for suffix, text in [
        ("plain", "kernel_size: 3"),
        ("strided", "kernel_size: 3 stride: 2 pad: 1"),
        ("dilated", "kernel_h: 2 kernel_w: 3 dilation: 2"),
    ]:
        cases.append(Case(f"im2col_{suffix}", f'type: "Im2col" convolution_param {{ {text} }}', {"data": (2, 3, 7, 8)}))
    return cases


def _inner_product() -> list[Case]:
    def case_of(suffix: str, text: str, shape: tuple[int, ...]) -> Case:
        return Case(
            f"inner_product_{suffix}", f'type: "InnerProduct" inner_product_param {{ {text} }}', {"data": shape}
        )

    return [
        case_of("plain", "num_output: 5", (3, 4, 2, 3)),
        case_of("transpose", "num_output: 5 transpose: true", (3, 4)),
        case_of("no_bias", "num_output: 5 bias_term: false", (3, 4)),
        case_of("axis2", "num_output: 2 axis: 2", (3, 4, 5)),
        case_of("axis_negative", "num_output: 2 axis: -1", (3, 4, 5)),
        case_of("axis0", "num_output: 2 axis: 0", (3, 4)),
        Case(
            "embed",
            'type: "Embed" embed_param { num_output: 3 input_dim: 6 }',
            {"index": (4, 2)},
            {"index": ["int", 6]},
            frozen=("index",),
        ),
        Case(
            "embed_no_bias",
            'type: "Embed" embed_param { num_output: 3 input_dim: 6 bias_term: false }',
            {"index": (5,)},
            {"index": ["int", 6]},
            frozen=("index",),
        ),
    ]


def _pooling() -> list[Case]:
    cases = []
    windows = [
        ("3s2", "kernel_size: 3 stride: 2", (2, 4, 7, 8)),
        ("3s2_even", "kernel_size: 3 stride: 2", (2, 4, 8, 6)),
        ("2s2_odd", "kernel_size: 2 stride: 2", (2, 3, 5, 7)),
        ("3s2p1", "kernel_size: 3 stride: 2 pad: 1", (2, 3, 7, 8)),
        ("3s3p2", "kernel_size: 3 stride: 3 pad: 2", (2, 3, 7, 8)),
        ("2s2p1", "kernel_size: 2 stride: 2 pad: 1", (2, 3, 5, 6)),
        ("5s2p4", "kernel_size: 5 stride: 2 pad: 4", (2, 3, 6, 6)),
        ("hw", "kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0", (2, 3, 6, 7)),
        ("whole", "kernel_size: 5", (2, 3, 5, 5)),
        ("global", "global_pooling: true", (2, 3, 5, 4)),
    ]
    for method in ("MAX", "AVE"):
        for suffix, text, shape in windows:
            cases.append(
                Case(
                    f"pooling_{method.lower()}_{suffix}",
                    f'type: "Pooling" pooling_param {{ pool: {method} {text} }}',
                    {"data": shape},
                )
            )
    for suffix, text, shape in windows[:7]:
        cases.append(
            Case(
                f"pooling_mask_{suffix}",
                f'type: "Pooling" pooling_param {{ pool: MAX {text} }}',
                {"data": shape},
                tops=("top", "mask"),
            )
        )
    cases.append(
        Case(
            "pooling_max_ties",
            'type: "Pooling" pooling_param { pool: MAX kernel_size: 3 stride: 2 }',
            IMAGE,
            {"data": ["round", 0.7]},
        )
    )
    for method in ("MAX", "AVE"):
        for height in (1, 2, 3):
            cases.append(
                Case(
                    f"spp_{method.lower()}_{height}",
                    f'type: "SPP" spp_param {{ pool: {method} pyramid_height: {height} }}',
                    {"data": (2, 3, 7, 9)},
                )
            )
    return cases


CASES = [*_convolution(), *_inner_product(), *_pooling()]
