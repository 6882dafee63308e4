"""Training in both engines: the four methods' nets, every solver, policy and option; and snapshots taken over."""

from __future__ import annotations

from typing import Any

import caffe_log
import generated
import numpy as np
import pytest
from deviations import TOLERANCE, Table
from pair import ENGINES, Pair, Result

from caffe_torch.files import wire
from caffe_torch.solver.rules import RULES
from multiweight.nets import prototxt_text
from multiweight.paper.methods import METHODS

ITERATIONS = 50
COLUMNS = {"weights": "weights", "iteration": "weights", "history": "history"}

TINY = """
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { scale: 0.02 mean_value: 128 }
        data_param { source: "../files/raw_lmdb" batch_size: 4 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 }
        param { lr_mult: 2 decay_mult: 0 }
        convolution_param { num_output: 4 kernel_size: 3 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" param { lr_mult: 0.5 decay_mult: 3 }
        param { lr_mult: 1 } inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
"""
FILLS = {"conv/0": ["normal", 0.3], "conv/1": ["uniform", 0.0, 0.1], "fc/0": ["normal", 0.2], "fc/1": ["normal", 0.1]}
#: 12 records in batches of 4: the LMDB ends after every third iteration.
LENGTH, STOP = 20, 12

#: Rates at which the loss stays well above 0: of a small one, a difference of nearly equal floats, few digits are left.
SETTINGS = {
    "SGD": "base_lr: 0.01 momentum: 0.9",
    "Nesterov": "base_lr: 0.01 momentum: 0.9",
    "AdaGrad": "base_lr: 0.02 delta: 1e-6",
    "RMSProp": "base_lr: 0.004 rms_decay: 0.9 delta: 1e-5",
    "AdaDelta": "base_lr: 1 momentum: 0.9 delta: 1e-5",
    "Adam": "base_lr: 0.01 momentum: 0.9 momentum2: 0.99 delta: 1e-6",
}
FIXED = 'lr_policy: "fixed"'
OPTIONS = {
    "L2": "weight_decay: 0.02",
    "L1": 'weight_decay: 0.004 regularization_type: "L1"',
    "iter_size": "iter_size: 3 weight_decay: 0.01",
    "clip": "clip_gradients: 0.3",
    "all": 'clip_gradients: 0.5 iter_size: 2 weight_decay: 0.002 regularization_type: "L1" average_loss: 4',
}
POLICIES = {
    "fixed": FIXED,
    "step": 'lr_policy: "step" gamma: 0.3 stepsize: 7',
    "exp": 'lr_policy: "exp" gamma: 0.95',
    "inv": 'lr_policy: "inv" gamma: 0.1 power: 0.75',
    "multistep": 'lr_policy: "multistep" gamma: 0.5 stepvalue: 3 stepvalue: 8 stepvalue: 15',
    "poly": 'lr_policy: "poly" power: 1.5',
    "sigmoid": 'lr_policy: "sigmoid" gamma: 0.4 stepsize: 10',
}
RUNS = {
    **{
        f"{kind} {name}": f'type: "{kind}" {SETTINGS[kind]} {FIXED} {o}'
        for kind in SETTINGS
        for name, o in OPTIONS.items()
    },
    **{f"policy {name}": f'type: "SGD" {SETTINGS["SGD"]} {policy}' for name, policy in POLICIES.items()},
    **{f"policy {name} Adam": f'type: "Adam" {SETTINGS["Adam"]} {policy}' for name, policy in POLICIES.items()},
    "momentum 0": f'type: "SGD" base_lr: 0.05 {FIXED}',
}


def file_name(run: str) -> str:
    return run.replace(" ", "_")


def write_solver(pair: Pair, run: str, settings: str) -> str:
    """One solver for both engines; each writes its snapshots into its own folder, under paths that hold in both."""
    for engine in ENGINES:
        path = pair.folder / engine / f"solver_{file_name(run)}.prototxt"
        path.write_text(
            f'net: "../files/tiny.prototxt" test_iter: 3 test_interval: 6 display: 1 max_iter: {LENGTH} '
            f'snapshot: {STOP} snapshot_prefix: "../{engine}/{file_name(run)}" {settings}'
        )
    return path.name


@pytest.fixture(scope="module")
def tiny(pair: Pair) -> dict[str, dict[str, Result]]:
    """Every run of the tiny net, from the beginning to the end, in both engines."""
    (pair.files / "tiny.prototxt").write_text(TINY)
    jobs = [
        dict(kind="solver", name=file_name(run), solver=write_solver(pair, run, settings), fills=FILLS)
        for run, settings in RUNS.items()
    ]
    return pair.run(jobs)


@pytest.fixture(scope="module")
def continued(pair: Pair, tiny: dict[str, dict[str, Result]]) -> dict[str, dict[str, Result]]:
    """Every solver type from the other engine's snapshot at STOP, where the LMDB begins anew, to the end."""
    other = dict(zip(ENGINES, reversed(ENGINES)))
    jobs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
    for kind in SETTINGS:
        run = f"{kind} all"
        solver = write_solver(pair, f"{run} continued", RUNS[run])
        for engine in ENGINES:
            state = f"../{other[engine]}/{file_name(run)}_iter_{STOP}.solverstate"
            jobs[engine].append(dict(kind="solver", name=f"{kind}_continued", solver=solver, restore=state))
    return pair.run_each(jobs)


def compare_logs(table: Table, section: str, row: str, case: str, ours: str, theirs: str, iterations: int) -> None:
    """Losses, rates and outputs as both engines logged them."""
    series = {engine: caffe_log.parse(text) for engine, text in (("ours", ours), ("theirs", theirs))}
    # After its last update a solver computes and logs the loss once more.
    assert (len(series["theirs"]["loss"]), len(series["theirs"]["rate"])) == (iterations + 1, iterations)
    for name, worst in caffe_log.relative(series["ours"], series["theirs"]).items():
        column = {"loss": "logged loss", "rate": "logged rate"}.get(name, "logged outputs")
        assert worst <= TOLERANCE, f"{case}: {name}: {worst}\n{series['ours'][name]}\n{series['theirs'][name]}"
        table.add(section, row, column, case, worst)


def histories(pair: Pair, run: str) -> list[dict[str, np.ndarray]]:
    """The histories of our and the original's snapshot at STOP, and the iterations they name."""
    result = []
    for engine in reversed(ENGINES):
        state = wire.read_state(pair.folder / engine / f"{file_name(run)}_iter_{STOP}.solverstate")
        assert (state.iteration, state.learned_net) == (STOP, f"../{engine}/{file_name(run)}_iter_{STOP}.caffemodel")
        result.append({f"history/{i}": array for i, array in enumerate(state.history)})
        result[-1]["iteration"] = np.array(state.current_step)
    return result


def test_every_solver_type_is_run() -> None:
    assert set(SETTINGS) == set(RULES)


@pytest.mark.parametrize("run", RUNS)
def test_tiny_net(run: str, tiny: dict[str, dict[str, Result]], pair: Pair, table: Table) -> None:
    theirs, ours = (tiny[engine][file_name(run)] for engine in ENGINES)
    row = run if run.startswith("policy") else run.split()[0] if run.split()[0] in RULES else "SGD"
    assert ours.values()["iteration"] == LENGTH
    table.compare("Solvers, tiny net", row, run, ours.values(), theirs.values(), COLUMNS)
    our_history, their_history = histories(pair, run)
    table.compare("Solvers, tiny net", row, run, our_history, their_history, COLUMNS)
    compare_logs(table, "Solvers, tiny net", row, run, ours.log, theirs.log, LENGTH)


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("engine", ENGINES)
def test_snapshot_of_the_other_engine(
    kind: str, engine: str, tiny: dict[str, dict[str, Result]], continued: dict[str, dict[str, Result]], table: Table
) -> None:
    """Begun in one engine, continued in ``engine``: as if the original had never stopped."""
    uninterrupted, result = tiny["original"][f"{kind}_all"].values(), continued[engine][f"{kind}_continued"].values()
    other = "original to caffe_torch" if engine == "torch" else "caffe_torch to original"
    table.compare("Files both ways", f".solverstate, {other}", kind, result, uninterrupted, COLUMNS)


@pytest.fixture(scope="module")
def methods(pair: Pair) -> dict[str, dict[str, Result]]:
    generated.write_pair(pair.files, "narrow", generated.RECORDS, generated.SIDE, generated.CATALOG.size)
    jobs = []
    for method in METHODS:
        net = generated.narrow(method, "narrow")
        (pair.files / f"{method}.prototxt").write_text(prototxt_text.render(net))
        text = generated.solver(f"../files/{method}.prototxt", method, ITERATIONS)
        (pair.files / f"{method}_solver.prototxt").write_text(text)
        name = f"../files/{method}_solver.prototxt"
        jobs.append(dict(kind="solver", name=method, solver=name, fills=generated.fills(net)))
    return pair.run(jobs)


@pytest.mark.parametrize("method", METHODS)
def test_method(method: str, methods: dict[str, dict[str, Result]], table: Table) -> None:
    """50 iterations of SGD on the narrow net; the loss falls, so that there is something to compare."""
    theirs, ours = (methods[engine][method] for engine in ENGINES)
    section = f"SGD, {ITERATIONS} iterations"
    table.compare(section, method, method, ours.values(), theirs.values(), COLUMNS)
    compare_logs(table, section, method, method, ours.log, theirs.log, ITERATIONS)
    losses = caffe_log.parse(theirs.log)["loss"][:, 1]
    assert losses[-6:].mean() < 0.9 * losses[:6].mean()
