"""A multi_weight training begun in one engine, stopped, and continued in the other, as if it had never stopped.

Fixed crops, no mirrors, no dropout. Caffe keeps no position in the data: a continued training begins at the LMDB's
first record, so the stop is where an epoch ends. The original is `caffe train` itself.
"""

from __future__ import annotations

from typing import Any

import caffe_log
import generated
import numpy as np
import pytest
from deviations import Table
from pair import ENGINES, Pair

from caffe_torch.files import wire
from multiweight.nets import prototxt_text

STOP, END = 4 * generated.EPOCH, 8 * generated.EPOCH
TOLERANCE = 1e-3
SECTION = f"multi_weight, stopped and continued ({TOLERANCE:g} allowed)"
COLUMNS = {"weights": "weights"}
OTHER = dict(zip(ENGINES, reversed(ENGINES)))


def train(engine: str, name: str, iterations: int, **start: str) -> dict[str, Any]:
    """A job that trains up to ``iterations`` from ``weights`` or from the snapshot ``restore``."""
    solver = f"../files/stop_{engine}_{name}.prototxt"
    if engine == "torch":
        return dict(kind="solver", name=name, solver=solver, **start)
    flag = f"--weights={start['weights']}" if "weights" in start else f"--snapshot={start['restore']}"
    return dict(kind="tool", name=name, arguments=["caffe", "train", f"--solver={solver}", flag])


@pytest.fixture(scope="module")
def logs(pair: Pair) -> dict[str, str]:
    """Six trainings: each engine whole, each engine stopped, each continued by the other. Their logs by engine/name."""
    generated.write_pair(pair.files, "stop", generated.RECORDS, generated.SIDE, generated.CATALOG.size)
    net = generated.narrow("multi_weight", "stop")
    (pair.files / "stop.prototxt").write_text(prototxt_text.render(net))
    for engine in ENGINES:
        for name, iterations in (("whole", END), ("begun", STOP), ("continued", END)):
            text = generated.solver("../files/stop.prototxt", f"../{engine}/{name}", iterations, snapshot=END)
            (pair.files / f"stop_{engine}_{name}.prototxt").write_text(text)
    first = dict(
        kind="net", name="first", prototxt=prototxt_text.render(net), fills=generated.fills(net), inputs=[], tops=[],
        loss=True, backward=False, phase="TRAIN", forwards=0, seed=1, gradients=[], save="first.caffemodel",
    )  # fmt: skip
    start = dict(weights="first.caffemodel")
    jobs = {e: [first, train(e, "whole", END, **start), train(e, "begun", STOP, **start)] for e in ENGINES}
    done = pair.run_each(jobs)
    more = {e: [train(e, "continued", END, restore=f"../{OTHER[e]}/begun_iter_{STOP}.solverstate")] for e in ENGINES}
    for engine, results in pair.run_each(more).items():
        done[engine].update(results)
    for results in done.values():
        for result in results.values():
            result.values()
    return {f"{engine}/{name}": result.log for engine in ENGINES for name, result in done[engine].items()}


def weights(pair: Pair, engine: str, name: str) -> dict[str, np.ndarray]:
    """The parameters in a training's last snapshot."""
    result = wire.read_net(pair.folder / engine / f"{name}_iter_{END}.caffemodel")
    return {f"weights/{layer}/{i}": array for layer, arrays in result.items() for i, array in enumerate(arrays)}


@pytest.mark.parametrize("engine, name", [("torch", "continued"), ("original", "continued"), ("torch", "whole")])
def test_ends_where_the_uninterrupted_original_does(
    engine: str, name: str, logs: dict[str, str], pair: Pair, table: Table
) -> None:
    row = {"whole": "caffe_torch throughout"}.get(
        name, f"{OTHER[engine]}, then {engine}".replace("torch", "caffe_torch")
    )
    uninterrupted = weights(pair, "original", "whole")
    table.compare(SECTION, row, row, weights(pair, engine, name), uninterrupted, COLUMNS, TOLERANCE)
    # The lines from the stop on are those of the training that did not stop.
    expected, result = (caffe_log.parse(logs[log]) for log in ("original/whole", f"{engine}/{name}"))
    for series in ("loss", "rate", "test/loss"):
        late = {"x": expected[series][expected[series][:, 0] > STOP]}
        worst = caffe_log.relative({"x": result[series][result[series][:, 0] > STOP]}, late)["x"]
        assert len(late["x"]) and worst <= TOLERANCE, f"{series}: {worst}"
        table.add(SECTION, row, f"logged {series}", row, worst)


def test_a_training_that_starts_anew_ends_elsewhere(logs: dict[str, str], pair: Pair) -> None:
    """The comparison can tell: the weights move further from the stop to the end than it allows by far."""
    begun = wire.read_net(pair.folder / "original" / f"begun_iter_{STOP}.caffemodel")
    uninterrupted = weights(pair, "original", "whole")
    moved = (
        np.abs(uninterrupted["weights/conv1/0"] - begun["conv1"][0]).max()
        / np.abs(uninterrupted["weights/conv1/0"]).max()
    )
    assert moved > 10 * TOLERANCE
