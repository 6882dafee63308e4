"""Weights that change in training and other objectives: the very same layer files trained in both engines."""

from __future__ import annotations

from typing import Any

import generated
import pytest
from deviations import Table
from pair import ENGINES, Pair, Result

import caffe_torch
from multiweight.nets import nets, prototxt_text
from multiweight.nets.settings import NetSettings

SECTION = "Schemes and objectives"
ITERATIONS = 4 * generated.EPOCH
STOP = 2 * generated.EPOCH
CASES: dict[str, dict[str, Any]] = {
    "uncertainty": dict(weighting="uncertainty"),
    "uncertainty focal": dict(weighting="uncertainty", objective="focal"),
    "dwa": dict(weighting="dwa", constants="window=5"),
    "ones asymmetric": dict(objective="asymmetric"),
    "ones hill": dict(objective="hill"),
    "ones splc": dict(objective="splc"),
    "ones present": dict(present=True),
    "uw_so": dict(weighting="uw_so"),
    "log_sum": dict(weighting="log_sum"),
    "random_weights": dict(weighting="random_weights"),
}
COLUMNS = {"weights": "weights", "iteration": "weights"}


def net(settings: dict[str, Any]) -> Any:
    """The multi-weight net at 1/16 of the width, without what is random."""
    settings = dict(settings)
    size = generated.CATALOG.size
    present = [0.5 + 4 * n / size for n in range(size)] if settings.pop("present", False) else []
    chosen = NetSettings(
        size=generated.SIDE, crop=generated.SIDE, width=1 / 16, dropout=0.0, mirror=False,
        batch_size=generated.BATCH, test_batch_size=generated.BATCH, **settings,
    )  # fmt: skip
    gamma = dict.fromkeys(generated.CATALOG.names, 1.0)
    return nets.train_val(caffe_torch, chosen, generated.CATALOG, gamma, generated.paths("schemes"), present=present)


def state(case: str, tasks: int) -> dict[str, list[Any]]:
    """The beginning of what a loss layer keeps in blobs."""
    if "uncertainty" in case:
        return {"loss/0": ["values", [0.0] * tasks]}
    if case == "dwa":
        return {"loss/0": ["values", [0.0] * (3 * tasks) + [1.0] * tasks], "loss/1": ["values", [0.0]]}
    return {"loss/0": ["values", [0.0]]} if case == "random_weights" else {}


@pytest.fixture(scope="module")
def trained(pair: Pair) -> dict[str, dict[str, Result]]:
    generated.write_pair(pair.files, "schemes", generated.RECORDS, generated.SIDE, generated.CATALOG.size)
    tasks = len(generated.CATALOG.groups)
    jobs = []
    for case, settings in CASES.items():
        name, scheme_net = case.replace(" ", "_"), net(settings)
        (pair.files / f"{name}.prototxt").write_text(prototxt_text.render(scheme_net))
        fills = generated.fills(scheme_net)
        fills.update(state(case, tasks))
        for engine in ENGINES:
            text = generated.solver(f"../files/{name}.prototxt", f"../{engine}/{name}", ITERATIONS, snapshot=STOP)
            (pair.folder / engine / f"{name}.prototxt").write_text(text)
        jobs.append(dict(kind="solver", name=name, solver=f"{name}.prototxt", fills=fills))
    return pair.run(jobs)


@pytest.fixture(scope="module")
def continued(pair: Pair, trained: dict[str, dict[str, Result]]) -> dict[str, Result]:
    """dwa from the original's snapshot to the end, in this engine: an epoch ends there."""
    solver = (pair.folder / "torch" / "dwa.prototxt").read_text().replace("../torch/dwa", "../torch/continued")
    (pair.folder / "torch" / "continued.prototxt").write_text(solver)
    state = f"../original/dwa_iter_{STOP}.solverstate"
    job = dict(kind="solver", name="dwa", solver="continued.prototxt", restore=state)
    return pair.run_each({"torch": [job]})["torch"]


@pytest.mark.parametrize("case", CASES)
def test_training(case: str, trained: dict[str, dict[str, Result]], table: Table) -> None:
    theirs, ours = (trained[engine][case.replace(" ", "_")].values() for engine in ENGINES)
    table.compare(SECTION, f"SGD, {ITERATIONS} iterations: {case}", case, ours, theirs, COLUMNS)


@pytest.mark.parametrize("case", ["uncertainty", "uncertainty focal", "dwa"])
def test_the_weights_have_moved(case: str, trained: dict[str, dict[str, Result]]) -> None:
    """Else the comparison would be one of multi-task nets."""
    result = trained["original"][case.replace(" ", "_")].values()["weights/loss/0"]
    assert abs(result.reshape(-1, len(generated.CATALOG.groups))[-1] - (1 if case == "dwa" else 0)).max() > 1e-3


def test_random_weights_count_the_training_passes(trained: dict[str, dict[str, Result]]) -> None:
    for engine in ENGINES:
        assert trained[engine]["random_weights"].values()["weights/loss/0"] == [ITERATIONS]


def test_other_weights_train_another_net(trained: dict[str, dict[str, Result]]) -> None:
    """Else the comparisons of weights without blobs would be ones of multi-task nets."""
    ends = [trained["original"][case].values()["weights/conv5/0"] for case in ("uw_so", "log_sum", "random_weights")]
    assert all(abs(trained - other).max() > 1e-6 for trained, other in zip(ends, [*ends[1:], ends[0]]))


def test_a_snapshot_carries_the_state(
    trained: dict[str, dict[str, Result]], continued: dict[str, Result], table: Table
) -> None:
    uninterrupted = trained["original"]["dwa"].values()
    table.compare(
        SECTION, "dwa, from the original's snapshot", "dwa", continued["dwa"].values(), uninterrupted, COLUMNS
    )
