"""Train a run: solver steps with a progress bar, a log in CSV, snapshots, resume, and a stop when the loss diverges."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from google.protobuf import text_format

from multiweight.base import done, engine, progress
from multiweight.base.errors import UserError
from multiweight.base.paths import REPOSITORY, Run
from multiweight.nets import recipes
from multiweight.train import initial_weights
from multiweight.train.log import Events, Log, losses

#: mAP of features (n, d) and labels (n, L) of tested images, 0 to 1, or None where no image can be asked about.
Score = Callable[[np.ndarray, np.ndarray], "float | None"]


def train(
    caffe: ModuleType,
    run: Run,
    *,
    device: str = "cpu",
    weights: Path | None = None,
    show: bool = False,
    score: Score | None = None,
    events: bool = False,
) -> bool:
    """Train ``run`` to its solver's max_iter, from its last snapshot if it has one; False when it is trained already.

    ``device`` is what :func:`engine.use_device` returned; ``weights`` a .caffemodel to start from (fine-tuning), used
    only where there is no snapshot to resume from. Writes log.csv (a row each ``display`` iterations: the mean of the
    total loss and of each reporting top; rows of phase test), snapshots, and train.json. ``score`` gives the column
    ``map`` of each test, on the features and labels of its images; ``events`` writes TensorBoard's event files into
    tensorboard/ too. Raises Diverged when the loss is no longer finite: the snapshots up to then stay.
    """
    if not run.solver.exists():
        raise UserError(f"{run.solver}: no such file: write the nets first (make prototxt)")
    start = None if weights is None else weights.resolve()
    with _repository_folder(run) as absolute:
        return _train(caffe, absolute, device, start, show, score, events)


def _train(
    caffe: ModuleType, run: Run, device: str, weights: Path | None, show: bool, score: Score | None, events: bool
) -> bool:
    schema = engine.schema(caffe)
    param = text_format.Parse(run.solver.read_text(encoding="utf-8"), schema.SolverParameter())
    identity = done.sha256(run.solver) + done.sha256(run.train_val)
    last = run.last_snapshot()
    if run.training.exists() and last is not None:
        before = done.read(run.training)
        if before["settings"]["prototxt_sha256"] == identity and before["iterations"] == last == param.max_iter:
            return False
    run.snapshots.mkdir(parents=True, exist_ok=True)
    solver = caffe.get_solver(_own_solver(param, run, schema, device))
    tests = _TestNet(caffe, run, param, solver, score)
    if last is not None:
        kept = any(run.snapshots.glob(f"*_iter_{last}.resume.*.json"))
        how = "with its data and random streams" if kept else "the data begins at its first record again"
        print(f"{run.variant}: goes on from iteration {last}, {how}")
        solver.restore(str(run.snapshot(last, "solverstate")))
    elif weights is not None:
        print(f"{run.variant}: starts from {weights}: {initial_weights.fill(caffe, solver.net, weights).describe()}")
    leader = engine.process() == 0
    batch = _batch_size(solver.net) * engine.processes()
    written = Events(run.root / "tensorboard", last or 0) if events and leader else None
    log = Log(run.log if leader else Path(os.devnull), solver.net, last or 0, batch, written)
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
            bar.set_postfix_str(log.told(solver.lr), refresh=False)
            bar.update(1)
            if solver.iter % max(param.display, 1) == 0 or solver.iter == param.max_iter:
                log.write(solver.iter, solver.lr)
        log.test(solver.iter, tests.losses())
    if not (param.snapshot and solver.iter % param.snapshot == 0):
        solver.snapshot()
    if not leader:
        return True
    seconds = time.time() - begun
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
    done.write(run.training, {"prototxt_sha256": identity}, found)
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


def _batch_size(net: Any) -> int:
    return int(net.blobs["data"].data.shape[0])


class _TestNet:
    """The TEST phase of the run's net on the weights in training."""

    def __init__(self, caffe: ModuleType, run: Run, param: Any, solver: Any, score: Score | None):
        self._batches = param.test_iter[0] if param.test_iter else 0
        self._solver = solver
        self._score = score
        settings = done.read(run.settings) if run.settings.exists() else {}
        self._blob = settings.get("retrieval_blob")
        self._net = caffe.Net(str(run.train_val), caffe.TEST) if self._batches else None

    def losses(self) -> dict[str, float]:
        """Mean losses over ``test_iter`` batches, and ``map``; empty when the solver tests nothing."""
        if self._net is None:
            return {}
        self._net.share_with(self._solver.net)
        sums: dict[str, float] = {}
        features: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        asked = self._score is not None and self._blob in self._net.blobs and "label" in self._net.blobs
        for _ in range(self._batches):
            self._net.forward()
            if asked:
                for kept, blob in ((features, self._blob), (labels, "label")):
                    values = np.array(self._net.blobs[blob].data)
                    kept.append(values.reshape(len(values), -1))
            for name, value in losses(self._net).items():
                sums[name] = sums.get(name, 0.0) + value / self._batches
        if self._score is not None and asked:
            found = self._score(np.concatenate(features), np.concatenate(labels))
            if found is not None:
                sums["map"] = found
        return sums
