"""Train a run: solver steps with a progress bar, a log in CSV, snapshots, resume, and a stop when the loss diverges."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import text_format

from multiweight.base import done as steps
from multiweight.base import engine, lock, progress, whole_file
from multiweight.base.paths import Run
from multiweight.nets import run_paths
from multiweight.train import initial_weights
from multiweight.train.events import Events
from multiweight.train.log import Diverged, Log
from multiweight.train.losses import Score, TestNet
from multiweight.train.snapshots import EVERY, Snapshots
from multiweight.train.stopping import Stopped, StopSignals

__all__ = ["Diverged", "Stopped", "train"]


@lock.scope
def train(
    caffe: ModuleType,
    run: Run,
    *,
    device: str = "cpu",
    weights: Path | None = None,
    show: bool = False,
    score: Score | None = None,
    events: bool = False,
    every: float = EVERY,
) -> bool:
    """Train ``run`` to its solver's max_iter, from its last snapshot if it has one; False when it is trained already.

    ``device`` is what :func:`engine.use_device` returned; ``weights`` a .caffemodel to start from (fine-tuning), used
    only where there is no snapshot to resume from. Writes log.csv (a row each ``display`` iterations: the mean of the
    total loss and of each reporting top; rows of phase test), snapshots (also each ``every`` seconds), and train.json.
    ``score`` gives the column ``map`` of each test, on the features and labels of its images; ``events`` writes
    TensorBoard's event files into tensorboard/ too. Raises Diverged when the loss is no longer finite: the snapshots up
    to then stay; Stopped after a signal.
    """
    if not run.solver.exists():
        raise run.absent(run.solver, "write the nets first (make prototxt)")
    param = run_paths.read(run.solver, engine.schema(caffe).SolverParameter())
    identity = steps.sha256(run.solver) + steps.sha256(run.train_val)
    last = run.last_snapshot()
    leader = engine.process() == 0
    ends = [run.snapshot(param.max_iter, suffix) for suffix in ("caffemodel", "solverstate")]
    made_by = {"prototxt_sha256": identity}
    goes_on = steps.Otherwise.GOES_ON
    if steps.finished(run.training, made_by, otherwise=goes_on, files=ends, show=show and leader) is not None:
        return False
    lock.hold(run.root, "train")
    lock.hold(run.dataset.data, "train", shared=True)
    run.snapshots.mkdir(parents=True, exist_ok=True)
    solver_file, net_file = _own_files(caffe, param, run, device)
    solver = caffe.get_solver(str(solver_file))
    settings = steps.read(run.settings) if run.settings.exists() else {}
    tests = TestNet(caffe, net_file, param, solver, score, settings.get("retrieval_blob"))
    snapshots = Snapshots(caffe, run, solver, param.snapshot, every)
    state: dict[str, Any] = {}
    if last is not None:
        kept = any(run.snapshots.glob(f"*_iter_{last}.resume.*.json"))
        how = "with its data and random streams" if kept else "the data begins at its first record again"
        print(f"{run.variant}: goes on from iteration {last}, {how}")
        state = snapshots.restore(last)
        tests.go_on(last, _test_images(run))
    elif weights is not None:
        print(f"{run.variant}: starts from {weights}: {initial_weights.fill(caffe, solver.net, weights).describe()}")
        state = {"weights": weights.name}
    batch = int(solver.net.blobs["data"].data.shape[0]) * engine.processes()
    board = Events(run.root / "tensorboard", last or 0) if events and leader else None
    with Log(run.log if leader else None, solver.net, last or 0, state, batch, board) as log, StopSignals() as signals:
        solver.add_callback(lambda: None, lambda: log.gather(solver, param.base_lr))
        with progress.bar(
            total=param.max_iter, initial=solver.iter, unit="it", desc=run.variant, disable=not (show and leader)
        ) as bar:

            def save(lasting: bool) -> None:
                snapshots.save({"weights": state.get("weights"), **log.state()}, lasting)

            log.begin()
            while solver.iter < param.max_iter:
                if tests.due(solver.iter):
                    log.test(solver.iter, tests.losses())
                solver.step(1)
                bar.set_postfix_str(log.told(solver.lr), refresh=False)
                bar.update(1)
                last_one = solver.iter == param.max_iter
                if last_one or solver.iter % max(param.display, 1) == 0:
                    log.write(solver.iter, solver.lr)
                late = snapshots.late()
                asked = engine.largest(2 if signals.asked else int(late))
                if asked or last_one or snapshots.due(solver.iter):
                    save(lasting=last_one or snapshots.due(solver.iter))
                if asked == 2 and not last_one:
                    raise Stopped(
                        f"{run.variant}: stopped, and saved at iteration {solver.iter}: "
                        "the same command goes on from there"
                    )
        log.test(solver.iter, tests.losses())
    if leader:
        _write_result(caffe, run, identity, solver.iter, batch, log.seconds, state.get("weights"), device)
    return True


def _write_result(
    caffe: ModuleType,
    run: Run,
    identity: str,
    iterations: int,
    batch: int,
    seconds: float,
    weights: str | None,
    device: str,
) -> None:
    result = {
        "iterations": iterations,
        "seconds": seconds,
        "images_per_second": batch * iterations / seconds if seconds else 0.0,
        "batch_size": batch,
        "weights": weights,
        "engine": engine.describe(caffe),
        "device": device,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    steps.write(run.training, {"prototxt_sha256": identity}, result)


def _own_files(caffe: ModuleType, param: Any, run: Run, device: str) -> tuple[Path, Path]:
    """This process's solver and net, with paths that hold from any folder.

    The mode is the run's, not the solver file's; testing, the log and snapshots are this module's.
    """
    schema = engine.schema(caffe)
    mine = f"of_process_{engine.process()}.prototxt"
    solver_file, net_file = run.root / f"solver_{mine}", run.root / f"train_val_{mine}"
    written = "# Written in training from {}, with the paths of this machine.\n"
    net = run_paths.net(caffe, run.train_val)
    whole_file.write(net_file, written.format(run.train_val.name) + text_format.MessageToString(net))
    own = schema.SolverParameter()
    own.CopyFrom(param)
    for field in ("test_iter", "test_interval", "test_initialization", "snapshot", "display"):
        own.ClearField(field)
    own.net = str(net_file.resolve())
    own.snapshot_prefix = str(run.snapshot_prefix.resolve())
    own.solver_mode = schema.SolverParameter.CPU
    if device.startswith("gpu"):
        own.solver_mode = schema.SolverParameter.GPU
        own.device_id = int(device.split()[1])
    whole_file.write(solver_file, written.format(run.solver.name) + text_format.MessageToString(own))
    return solver_file, net_file


def _test_images(run: Run) -> int | None:
    """How many records the test LMDBs hold, where the packing has told."""
    if not run.dataset.info.exists():
        return None
    return int(steps.read(run.dataset.info)["counts"]["test"])
