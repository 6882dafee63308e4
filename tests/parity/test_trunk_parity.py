"""Narrow nets of every trunk and head: blobs and the gradients of all parameters, in both engines.

ResNet-50's BatchNorm layers take their running sums there. With the statistics of a small batch, 53 of them one behind
the other multiply what rounding changes: that is compared too, and allowed ten times as much. AlexNet-BN is of the
batch's statistics throughout.
"""

from __future__ import annotations

from typing import Any

import generated
import pytest
from deviations import TOLERANCE, Table
from pair import ENGINES, Pair, Result

import caffe_torch
from multiweight.nets import nets, prototxt_text
from multiweight.nets.settings import HEADS, NetSettings
from multiweight.nets.trunks import TRUNKS

SECTION = "Trunks"
BATCH_STATISTICS = "resnet50 multi_weight batch"
CASES = [*(f"{trunk} {head}" for trunk in TRUNKS for head in HEADS), BATCH_STATISTICS]
SIDE = 67
COLUMNS = {"top": "forward", "param_diff": "gradient"}


def net(case: str) -> Any:
    trunk, head = case.split()[:2]
    settings = NetSettings(
        trunk=trunk, size=SIDE, crop=SIDE, width=1 / 16, dropout=0.0, mirror=False,
        batch_size=generated.BATCH, test_batch_size=generated.BATCH,
    ).for_head(head)  # fmt: skip
    gamma = generated.PROPORTIONS if head == "multi_weight" else dict.fromkeys(generated.PROPORTIONS, 1.0)
    return nets.train_val(caffe_torch, settings, generated.CATALOG, gamma, generated.paths("trunks"), name=trunk)


def fills(train_val: Any) -> dict[str, list[Any]]:
    """Weights as large as He's initialisation makes them, scales around 1, running sums at their beginning."""
    result = generated.fills(train_val)
    channels: dict[str, int] = {"data": 3}
    for layer in train_val.layer:
        if layer.type == "Convolution":
            param = layer.convolution_param
            if param.weight_filler.type == "msra":
                inputs = channels[layer.bottom[0]] * param.kernel_size[0] ** 2
                result[f"{layer.name}/0"] = ["normal", (2 / inputs) ** 0.5]
            channels[layer.top[0]] = param.num_output
        elif layer.type == "BatchNorm":
            result[f"{layer.name}/0"], result[f"{layer.name}/1"] = ["uniform", -0.3, 0.3], ["uniform", 0.5, 1.5]
            result[f"{layer.name}/2"] = ["values", [1.0]]
        elif layer.type == "Scale":
            result[f"{layer.name}/0"], result[f"{layer.name}/1"] = ["uniform", 0.8, 1.2], ["uniform", -0.1, 0.1]
        if layer.bottom and layer.type in ("Pooling", "Eltwise", "LRN"):
            channels[layer.top[0]] = channels[layer.bottom[0]]
    return result


@pytest.fixture(scope="module")
def results(pair: Pair) -> dict[str, dict[str, Result]]:
    """Every case; with BatchNorm in the TEST phase, but for the one that is of the batch's statistics."""
    generated.write_pair(pair.files, "trunks", generated.RECORDS, SIDE, generated.CATALOG.size)
    jobs = []
    for case in CASES:
        train_val, train = net(case), "resnet" not in case or case == BATCH_STATISTICS
        tops = [layer.top[0] for layer in train_val.layer if layer.type in ("Pooling", "InnerProduct", "Python")]
        jobs.append(
            dict(
                kind="net",
                name=case.replace(" ", "_"),
                prototxt=prototxt_text.render(train_val),
                fills=fills(train_val),
                inputs=[],
                tops=list(dict.fromkeys(tops)),
                loss=True,
                backward=True,
                forwards=1,
                seed=1,
                phase="TRAIN" if train else "TEST",
                gradients=[],
                parameters=False,
            )  # fmt: skip
        )
    return pair.run(jobs)


@pytest.mark.parametrize("case", CASES)
def test_forward_and_gradients(case: str, results: dict[str, dict[str, Result]], table: Table) -> None:
    theirs, ours = (results[engine][case.replace(" ", "_")].values() for engine in ENGINES)
    assert all(theirs[name].any() for name in theirs if "/bn" not in name), "a blob of zeros compares nothing"
    row, tolerance = case.split()[0], TOLERANCE
    if case == BATCH_STATISTICS:
        row, tolerance = "resnet50, batch statistics", 10 * TOLERANCE
    if case == BATCH_STATISTICS or row == "alexnet_bn":
        # A bias before a BatchNorm has no gradient but rounding (scale5's: pooled, it is positive everywhere here).
        bias = "param_diff/conv1/1" if row.startswith("resnet50") else "param_diff/scale5/1"
        assert max(abs(blobs.pop(bias)).max() for blobs in (ours, theirs)) < 1e-6
    table.compare(SECTION, row, case, ours, theirs, COLUMNS, tolerance)
