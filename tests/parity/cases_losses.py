"""Parity cases of structure, losses, scores and sequences."""

from __future__ import annotations

from case import Case

IMAGE = {"data": (2, 4, 7, 8)}


def _structure() -> list[Case]:
    return [
        Case("split", 'type: "Split"', IMAGE, tops=("top", "second", "third")),
        Case("split_one", 'type: "Split"', IMAGE),
        Case("slice_equal", 'type: "Slice"', IMAGE, tops=("top", "second")),
        Case(
            "slice_points",
            'type: "Slice" slice_param { axis: -1 slice_point: 1 slice_point: 5 }',
            IMAGE,
            tops=("top", "second", "third"),
        ),
        Case("slice_dim", 'type: "Slice" slice_param { slice_dim: 0 }', IMAGE, tops=("top", "second")),
        Case("slice_one", 'type: "Slice"', IMAGE),
        Case("concat", 'type: "Concat"', {"a": (2, 3, 4), "b": (2, 1, 4), "c": (2, 2, 4)}),
        Case("concat_axis", 'type: "Concat" concat_param { axis: -1 }', {"a": (2, 3, 4), "b": (2, 3, 2)}),
        Case("concat_dim", 'type: "Concat" concat_param { concat_dim: 0 }', {"a": (2, 3, 4), "b": (1, 3, 4)}),
        Case("concat_one", 'type: "Concat"', IMAGE),
        Case("flatten", 'type: "Flatten"', IMAGE),
        Case("flatten_axes", 'type: "Flatten" flatten_param { axis: 0 end_axis: -2 }', IMAGE),
        Case("reshape", 'type: "Reshape" reshape_param { shape { dim: 0 dim: 2 dim: -1 } }', IMAGE),
        Case("reshape_axis", 'type: "Reshape" reshape_param { shape { dim: 2 dim: -1 } axis: 1 num_axes: 1 }', IMAGE),
        Case("reshape_insert", 'type: "Reshape" reshape_param { shape { dim: 1 } axis: -1 num_axes: 0 }', IMAGE),
        Case(
            "crop",
            'type: "Crop" crop_param { axis: 2 offset: 1 }',
            {"data": (2, 3, 6, 7), "like": (2, 3, 4, 5)},
            frozen=("like",),
        ),
        Case(
            "crop_offsets",
            'type: "Crop" crop_param { axis: 1 offset: 1 offset: 0 offset: 2 }',
            {"data": (2, 3, 6, 7), "like": (9, 2, 4, 5)},
            frozen=("like",),
        ),
        Case("tile", 'type: "Tile" tile_param { tiles: 3 }', {"data": (2, 3, 4)}),
        Case("tile_axis", 'type: "Tile" tile_param { axis: 2 tiles: 2 }', {"data": (2, 3, 4)}),
        Case(
            "batch_reindex",
            'type: "BatchReindex"',
            {"data": (4, 3, 2), "index": (6,)},
            {"index": ["int", 4]},
            frozen=("index",),
        ),
        Case(
            "filter",
            'type: "Filter"',
            {"a": (5, 3), "b": (5, 2, 2), "selector": (5,)},
            {"selector": ["values", [0, 1, 1, 0, 1]]},
            tops=("top", "second"),
            frozen=("selector",),
        ),
    ]


def _losses() -> list[Case]:
    cases = []
    modes = [
        ("default", ""),
        ("full", "normalization: FULL"),
        ("valid", "normalization: VALID"),
        ("batch", "normalization: BATCH_SIZE"),
        ("none", "normalization: NONE"),
        ("old_on", "normalize: true"),
        ("old_off", "normalize: false"),
    ]
    for suffix, mode in modes:
        for ignore in (False, True):
            text = f"loss_param {{ {mode} {'ignore_label: 1' if ignore else ''} }}"
            name = f"{suffix}_ignore" if ignore else suffix
            cases.append(
                Case(
                    f"sigmoid_cross_entropy_{name}",
                    f'type: "SigmoidCrossEntropyLoss" {text}',
                    {"data": (3, 4, 2), "target": (3, 4, 2)},
                    {"target": ["int", 2], "data": ["normal", 3.0]},
                    tops=("loss",),
                    loss=True,
                )
            )
            cases.append(
                Case(
                    f"softmax_loss_{name}",
                    f'type: "SoftmaxWithLoss" {text}',
                    {"data": (3, 4, 2, 2), "label": (3, 2, 2)},
                    {"label": ["int", 4]},
                    tops=("loss",),
                    loss=True,
                )
            )
            if suffix.startswith("old"):
                continue  # InfogainLoss refuses `normalize`
            cases.append(
                Case(
                    f"infogain_{name}",
                    f'type: "InfogainLoss" {text}',
                    {"data": (3, 4, 2), "label": (3, 2), "h": (1, 1, 4, 4)},
                    {"label": ["int", 4]},
                    tops=("loss",),
                    loss=True,
                    frozen=("label", "h"),
                )
            )
    euclidean = {"a": (3, 4), "b": (3, 4)}
    hinge = {"data": (4, 5), "label": (4,)}
    pair = {"a": (6, 4), "b": (6, 4), "alike": (6,)}
    return cases + [
        Case(
            "sigmoid_cross_entropy_weight",
            'type: "SigmoidCrossEntropyLoss" loss_weight: 0.3',
            {"data": (3, 5), "target": (3, 5)},
            {"target": ["uniform", 0.0, 1.0]},
            tops=("loss",),
            loss=True,
        ),
        Case(
            "sigmoid_cross_entropy_large",
            'type: "SigmoidCrossEntropyLoss"',
            {"data": (3, 5), "target": (3, 5)},
            {"data": ["normal", 300.0], "target": ["int", 2]},
            tops=("loss",),
            loss=True,
        ),
        Case(
            "sigmoid_cross_entropy_all_ignored",
            'type: "SigmoidCrossEntropyLoss" loss_param { ignore_label: 0 normalization: VALID }',
            {"data": (3, 5), "target": (3, 5)},
            {"target": ["values", [0]]},
            tops=("loss",),
            loss=True,
        ),
        Case(
            "softmax_loss_axis",
            'type: "SoftmaxWithLoss" softmax_param { axis: 2 }',
            {"data": (3, 2, 4), "label": (3, 2)},
            {"label": ["int", 4]},
            tops=("loss",),
            loss=True,
        ),
        Case(
            "softmax_loss_certain",
            'type: "SoftmaxWithLoss"',
            {"data": (5, 4), "label": (5,)},
            {"label": ["int", 4], "data": ["normal", 150.0]},
            tops=("loss",),
            loss=True,
        ),
        Case(
            "multinomial",
            'type: "MultinomialLogisticLoss"',
            hinge,
            {"data": ["uniform", 0.05, 1.0], "label": ["int", 5]},
            tops=("loss",),
            loss=True,
        ),
        Case("euclidean", 'type: "EuclideanLoss"', euclidean, tops=("loss",), loss=True),
        Case("euclidean_weight", 'type: "EuclideanLoss" loss_weight: 2.5', euclidean, tops=("loss",), loss=True),
        Case("hinge_l1", 'type: "HingeLoss"', hinge, {"label": ["int", 5]}, tops=("loss",), loss=True),
        Case(
            "hinge_l2",
            'type: "HingeLoss" hinge_loss_param { norm: L2 }',
            hinge,
            {"label": ["int", 5]},
            tops=("loss",),
            loss=True,
        ),
        Case(
            "contrastive",
            'type: "ContrastiveLoss" contrastive_loss_param { margin: 3 }',
            pair,
            {"alike": ["int", 2]},
            tops=("loss",),
            loss=True,
            frozen=("alike",),
        ),
        Case(
            "contrastive_legacy",
            'type: "ContrastiveLoss" contrastive_loss_param { margin: 9 legacy_version: true }',
            pair,
            {"alike": ["int", 2]},
            tops=("loss",),
            loss=True,
            frozen=("alike",),
        ),
    ]


def _scores() -> list[Case]:
    scores, label = (6, 5), {"label": ["int", 5]}

    def accuracy(
        suffix: str,
        text: str,
        shape: tuple[int, ...] = scores,
        labels: tuple[int, ...] = (6,),
        fills: dict[str, list] | None = None,
        tops: tuple[str, ...] = ("top",),
    ) -> Case:
        return Case(
            f"accuracy_{suffix}",
            f'type: "Accuracy" accuracy_param {{ {text} }}',
            {"data": shape, "label": labels},
            fills or label,
            tops=tops,
            backward=False,
        )

    def argmax(suffix: str, text: str, shape: tuple[int, ...], fill: str = "normal") -> Case:
        return Case(
            f"argmax_{suffix}",
            f'type: "ArgMax" argmax_param {{ {text} }}',
            {"data": shape},
            {"data": [fill, 1.0]},
            backward=False,
        )

    return [
        accuracy("top1", ""),
        accuracy("top3", "top_k: 3"),
        accuracy("spatial", "axis: 1", (3, 5, 2, 2), (3, 2, 2)),
        accuracy("ignore", "ignore_label: 1", (30, 5), (30,)),
        accuracy("all_ignored", "ignore_label: 1", fills={"label": ["values", [1]]}),
        accuracy("classes", "top_k: 2", (30, 5), (30,), tops=("top", "second")),
        accuracy("ties", "top_k: 2", (30, 5), (30,), {**label, "data": ["round", 0.7]}),
        argmax("plain", "", (3, 4, 2)),
        argmax("top3", "top_k: 3", (3, 4, 2)),
        argmax("values", "top_k: 3 out_max_val: true", (3, 4, 2)),
        argmax("axis", "axis: 1 top_k: 2", (3, 4, 2)),
        argmax("axis_values", "axis: -1 out_max_val: true", (3, 4, 5)),
        argmax("ties", "top_k: 3", (6, 9), "round"),
        argmax("four_axes", "top_k: 2", (3, 4, 2, 2)),
    ]


def _recurrent() -> list[Case]:
    cont = {"cont": ["values", [0, 0, 1, 1, 1, 0, 1, 1]]}
    cases = []
    for kind in ("RNN", "LSTM"):
        text = f'type: "{kind}" recurrent_param {{ num_output: 3 }}'
        sequence = {"x": (4, 2, 5), "cont": (4, 2)}
        cases += [
            Case(f"{kind.lower()}_plain", text, sequence, cont, frozen=("cont",)),
            Case(f"{kind.lower()}_carried", text, sequence, {"cont": ["values", [1]]}, frozen=("cont",), forwards=2),
            Case(f"{kind.lower()}_static", text, {**sequence, "still": (2, 6)}, cont, frozen=("cont",)),
        ]
        hidden = {"h0": (1, 2, 3), **({"c0": (1, 2, 3)} if kind == "LSTM" else {})}
        tops = ("top", "h", "c") if kind == "LSTM" else ("top", "h")
        cases.append(
            Case(
                f"{kind.lower()}_exposed",
                f'type: "{kind}" recurrent_param {{ num_output: 3 expose_hidden: true }}',
                {**sequence, **hidden},
                {"cont": ["values", [1, 1, 1, 0]]},
                tops=tops,
                frozen=("cont",),
            )
        )
    cases.append(
        Case(
            "lstm_unit",
            'type: "LSTMUnit"',
            {"c": (1, 3, 2), "gates": (1, 3, 8), "cont": (1, 3)},
            {"cont": ["values", [1, 0, 1]]},
            tops=("next", "h"),
            frozen=("cont",),
        )
    )
    return cases


CASES = [*_structure(), *_losses(), *_scores(), *_recurrent()]
