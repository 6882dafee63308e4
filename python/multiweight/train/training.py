"""Train a run: solver steps with a progress bar, a log in CSV, snapshots, resume, and a stop when the loss diverges."""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import text_format

from multiweight.base import done as steps
from multiweight.base import engine, progress
from multiweight.base.errors import UserError
from multiweight.base.paths import REPOSITORY, Run
from multiweight.nets import recipes
from multiweight.train import initial_weights


class Diverged(UserError):
    """The loss is no longer finite, seen at ``iteration``, before its update."""

    def __init__(self, message: str, iteration: int):
        super().__init__(message)
        self.iteration = iteration


def train(caffe: ModuleType, run: Run, *, device: str = "cpu", weights: Path | None = None, show: bool = False) -> bool:
    """Train ``run`` to its solver's max_iter, from its last snapshot if it has one; False when it is trained already.

    ``device`` is what :func:`engine.use_device` returned; ``weights`` a .caffemodel to start from (fine-tuning), used
    only where there is no snapshot to resume from. Writes log.csv (a row each ``display`` iterations: the mean of the
    total loss and of each reporting top; rows of phase test), snapshots, and train.json. Raises Diverged when the loss
    is no longer finite: the snapshots up to then stay.
    """
    if not run.solver.exists():
        raise UserError(f"{run.solver}: no such file: write the nets first (make prototxt)")
    start = None if weights is None else weights.resolve()
    with _repository_folder(run) as absolute:
        return _train(caffe, absolute, device, start, show)


def _train(caffe: ModuleType, run: Run, device: str, weights: Path | None, show: bool) -> bool:
    schema = engine.schema(caffe)
    param = text_format.Parse(run.solver.read_text(encoding="utf-8"), schema.SolverParameter())
    identity = steps.sha256(run.solver) + steps.sha256(run.train_val)
    last = run.last_snapshot()
    if run.training.exists() and last is not None:
        done = steps.read(run.training)
        if done["settings"]["prototxt_sha256"] == identity and done["iterations"] == last == param.max_iter:
            return False
    run.snapshots.mkdir(parents=True, exist_ok=True)
    solver = caffe.get_solver(_own_solver(param, run, schema, device))
    tests = _TestNet(caffe, run, param, solver)
    if last is not None:
        kept = any(run.snapshots.glob(f"*_iter_{last}.resume.*.json"))
        how = "with its data and random streams" if kept else "the data begins at its first record again"
        print(f"{run.variant}: goes on from iteration {last}, {how}")
        solver.restore(str(run.snapshot(last, "solverstate")))
    elif weights is not None:
        print(f"{run.variant}: starts from {weights}: {initial_weights.fill(caffe, solver.net, weights).describe()}")
    leader = engine.process() == 0
    log = _Log(run.log if leader else Path(os.devnull), solver.net, last or 0)
    solver.add_callback(lambda: None, lambda: log.gather(solver, param))
    begun, first = time.time(), solver.iter
    with (
        progress.bar(
            total=param.max_iter, initial=first, unit="it", desc=run.variant, disable=not (show and leader)
        ) as bar,
        log,
    ):
        while solver.iter < param.max_iter:
            if param.test_interval and solver.iter % param.test_interval == 0:
                log.test(solver.iter, tests.losses())
            solver.step(1)
            bar.update(1)
            if solver.iter % max(param.display, 1) == 0 or solver.iter == param.max_iter:
                log.write(solver.iter, solver.lr)
        log.test(solver.iter, tests.losses())
    if not (param.snapshot and solver.iter % param.snapshot == 0):
        solver.snapshot()
    if not leader:
        return True
    seconds = time.time() - begun
    batch = _batch_size(solver.net) * engine.processes()
    found = {
        "iterations": solver.iter,
        "seconds": seconds,
        "images_per_second": batch * (solver.iter - first) / seconds if seconds else 0.0,
        "batch_size": batch,
        "resumed_from": last,
        "weights": weights.name if weights and last is None else None,
        "engine": engine.describe(caffe),
        "device": device,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    steps.write(run.training, {"prototxt_sha256": identity}, found)
    return True


@contextmanager
def _repository_folder(run: Run) -> Iterator[Run]:
    """The run with absolute paths, in the folder that the paths inside its prototxt are relative to."""
    before = os.getcwd()
    dataset = type(run.dataset)(run.dataset.name, Path(run.dataset.root).resolve().parent)
    os.chdir(str(REPOSITORY))
    try:
        yield dataset.run(run.variant)
    finally:
        os.chdir(before)


def _own_solver(param: Any, run: Run, schema: ModuleType, device: str) -> str:
    """This process's solver: the mode is the run's, not the committed file's; testing is done here, into the log."""
    own = schema.SolverParameter()
    own.CopyFrom(param)
    for field in ("test_iter", "test_interval", "test_initialization"):
        own.ClearField(field)
    own.display = 0
    # Relative where it can be: a .solverstate holds the path of its weights, which must hold in a container too.
    own.snapshot_prefix = recipes.as_written(run.snapshot_prefix)
    own.solver_mode = schema.SolverParameter.CPU
    if device.startswith("gpu"):
        own.solver_mode = schema.SolverParameter.GPU
        own.device_id = int(device.split()[1])
    path = run.root / f"solver_of_process_{engine.process()}.prototxt"
    path.write_text("# Written by tools/train.py from solver.prototxt.\n" + text_format.MessageToString(own))
    return str(path)


def losses(net: Any) -> dict[str, float]:
    """The total (``loss``: the sum of loss_weight times top) and each reporting top named ``loss_...``, unweighted."""
    weights = net.blob_loss_weights
    total = 0.0
    found = {}
    for name, blob in net.blobs.items():
        if weights[name]:
            total += weights[name] * float(blob.data.reshape(-1)[0])
        if name.startswith("loss_") and "_split_" not in name:
            found[name] = float(blob.data.reshape(-1)[0])
    return {"loss": total, **found}


def _batch_size(net: Any) -> int:
    return int(net.blobs["data"].data.shape[0])


class _TestNet:
    """The TEST phase of the run's net on the weights in training."""

    def __init__(self, caffe: ModuleType, run: Run, param: Any, solver: Any):
        self._batches = param.test_iter[0] if param.test_iter else 0
        self._solver = solver
        self._net = caffe.Net(str(run.train_val), caffe.TEST) if self._batches else None

    def losses(self) -> dict[str, float]:
        """Mean losses over ``test_iter`` batches; empty when the solver tests nothing."""
        if self._net is None:
            return {}
        self._net.share_with(self._solver.net)
        sums: dict[str, float] = {}
        for _ in range(self._batches):
            self._net.forward()
            for name, value in losses(self._net).items():
                sums[name] = sums.get(name, 0.0) + value / self._batches
        return sums


class _Log:
    """log.csv: iteration, phase, loss, lr, seconds, then a column a reporting top; rows after a resume point go."""

    def __init__(self, path: Path, net: Any, resumed: int):
        tops = [n for n in net.blobs if n.startswith("loss_") and "_split_" not in n]
        self._columns = ["iteration", "phase", "loss", "lr", "seconds", *tops]
        kept = _rows_until(path, resumed) if resumed else []
        self._offset = float(kept[-1]["seconds"]) if kept else 0.0
        self._file = open(path, "w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self._columns, extrasaction="ignore", restval="")
        self._writer.writeheader()
        self._writer.writerows(kept)
        self._begun = time.time()
        self._sums: dict[str, float] = {}
        self._count = 0

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def gather(self, solver: Any, param: Any) -> None:
        """Called before each update: a loss that is not finite never reaches the weights, nor a snapshot."""
        found = losses(solver.net)
        if not math.isfinite(found["loss"]):
            raise Diverged(
                f"iteration {solver.iter}: the loss is {found['loss']}: training has diverged and stops; the snapshots "
                f"before it are kept; try a base_lr below {param.base_lr:g} (make prototxt LR=...)",
                solver.iter,
            )
        for name, value in found.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def write(self, iteration: int, lr: float) -> None:
        """A training row: the means since the last one."""
        means = {name: f"{value / self._count:.6g}" for name, value in self._sums.items()}
        self._row(iteration, "train", means, lr=f"{lr:g}")
        self._sums, self._count = {}, 0

    def test(self, iteration: int, found: dict[str, float]) -> None:
        if found:
            self._row(iteration, "test", {name: f"{value:.6g}" for name, value in found.items()})

    def _row(self, iteration: int, phase: str, values: dict[str, str], **more: str) -> None:
        seconds = f"{self._offset + time.time() - self._begun:.1f}"
        self._writer.writerow({"iteration": iteration, "phase": phase, "seconds": seconds, **values, **more})
        self._file.flush()


def _rows_until(path: Path, iteration: int) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        r
        for r in rows
        if int(r["iteration"]) < iteration or (r["phase"] == "train" and int(r["iteration"]) == iteration)
    ]
