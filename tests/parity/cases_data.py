"""Parity cases of layers without bottoms, of Silence, and of Python layers."""

from __future__ import annotations

from typing import Any

from case import Case


def _data() -> list[Case]:
    def data(suffix: str, lmdb: str, transform: str = "", phase: str = "TEST", batch: int = 4, **more: Any) -> Case:
        text = f'data_param {{ source: "../files/{lmdb}_lmdb" batch_size: {batch} backend: LMDB }}'
        return Case(
            f"data_{suffix}", f'type: "Data" {text} transform_param {{ {transform} }}', {}, backward=False, phase=phase,
            **{"tops": ("top", "label"), **more},
        )  # fmt: skip

    mean = 'mean_file: "../files/mean.binaryproto"'
    return [
        data("raw", "raw"),
        data("no_label", "raw", tops=("top",)),
        data("around_the_end", "raw", batch=7, forwards=4),
        data("larger_than_the_lmdb", "raw", batch=29),
        data("scale", "raw", "scale: 0.00390625"),
        data("mean", "raw", mean),
        data("mean_scale", "raw", f"{mean} scale: 0.017"),
        data("mean_crop", "raw", f"{mean} crop_size: 6"),
        data("mean_crop_odd", "raw", f"{mean} crop_size: 5"),
        data("mean_values", "raw", "mean_value: 104 mean_value: 117 mean_value: 123 scale: 0.5 crop_size: 7"),
        data("mean_value", "raw", "mean_value: 99.5"),
        data("whole_crop_train", "vector", "crop_size: 1", "TRAIN"),
        data("float", "float", "scale: 3"),
        data("float_mean_crop", "float", f"{mean} crop_size: 8"),
        data("vector", "vector", tops=("top",)),
        data("jpg", "jpg"),
        data("jpg_crop", "jpg", "crop_size: 8"),
        data("png", "png"),
        data("png_force_gray", "png", "force_gray: true"),
        data("gray", "gray"),
        data("gray_force_color", "gray", "force_color: true"),
        data("other_sizes_crop", "sizes", "crop_size: 8", batch=5),
    ]


def _inputs() -> list[Case]:
    shapes = "shape { dim: 2 dim: 3 } shape { dim: 4 }"
    fillers = "data_filler { value: 1.5 } data_filler { value: -2 }"
    return [
        Case("input", f'type: "Input" input_param {{ {shapes} }}', {}, tops=("top", "second"), backward=False),
        Case("input_one_shape", 'type: "Input" input_param { shape { dim: 2 dim: 1 } }', {}, tops=("top", "second"),
             backward=False),
        Case("dummy_data", f'type: "DummyData" dummy_data_param {{ {shapes} {fillers} }}', {}, tops=("top", "second"),
             backward=False),
        Case("dummy_data_default", 'type: "DummyData" dummy_data_param { shape { dim: 2 } }', {}, backward=False,
             tops=("top", "second")),
        Case("dummy_data_legacy", 'type: "DummyData" dummy_data_param { num: 2 num: 1 channels: 3 height: 2 width: 1 '
             "data_filler { value: 3 } }", {}, tops=("top", "second"), backward=False),
        Case(
            "parameter", "", {}, tops=("learned", "loss"), loss=True, of="Parameter",
            net="""
layer { name: "learned" type: "Parameter" top: "learned" parameter_param { shape { dim: 3 dim: 2 } } }
layer { name: "loss" type: "Reduction" bottom: "learned" top: "loss" reduction_param { operation: SUMSQ }
        loss_weight: 0.7 }
""",
        ),
        Case(
            "silence", "", {"data": (2, 3)}, tops=("used",), of="Silence",
            net="""
layer { name: "used" type: "InnerProduct" bottom: "data" top: "used" inner_product_param { num_output: 3 } }
layer { name: "unused" type: "InnerProduct" bottom: "data" top: "unused" inner_product_param { num_output: 2 } }
layer { name: "silence" type: "Silence" bottom: "unused" bottom: "data" }
""",
        ),
    ]  # fmt: skip


def _python() -> list[Case]:
    groups = {"Colour": (4, 3), "Coat": (4, 2), "Leather": (4, 1)}
    bottoms = {**groups, "labels": (4, 6, 1, 1)}
    module = (
        'type: "Python" python_param { module: "multiweight.layers.multi_weight_loss" layer: "MultiWeightLossLayer" '
        """param_str: '{"groups": ["Colour", "Coat", "Leather"], "gamma": [1.0, 0.31, 0.0002]}' }"""
    )
    scaled = """type: "Python" python_param { module: "pylayers" layer: "ScaledLayer" param_str: '{"scale": 1.5}' }"""

    def loss(suffix: str, weights: str, tops: tuple[str, ...], scale: float = 1.0, target: str = "int") -> Case:
        fills = {name: ["normal", scale] for name in groups}
        fills["labels"] = ["int", 2] if target == "int" else ["uniform", 0.0, 1.0]
        return Case(
            f"multi_weight_loss_{suffix}", f"{module} {weights}", bottoms, fills, tops=tops, loss=True,
            frozen=("labels",),
        )  # fmt: skip

    every = ("loss", "loss_Colour", "loss_Coat", "loss_Leather")
    return [
        loss("total", "loss_weight: 1", every[:1]),
        loss("groups", "loss_weight: 1 loss_weight: 0 loss_weight: 0 loss_weight: 0", every),
        loss("weighted_groups", "loss_weight: 0.5 loss_weight: 2 loss_weight: 0 loss_weight: 3", every),
        loss("large_scores", "loss_weight: 1", every[:1], scale=300.0),
        loss("soft_labels", "loss_weight: 1", every[:1], target="uniform"),
        Case("python_layer", scaled, {"data": (2, 3, 4)}),
        Case("python_layer_test", scaled, {"data": (2, 3, 4)}, phase="TEST"),
    ]


CASES = [*_data(), *_inputs(), *_python()]
