"""train: a solver from beginning, snapshot or weights to its end, on the CPU, a GPU, or several with a process each."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from caffe_torch.cli import devices, processes
from caffe_torch.cli.flags import comma_separated
from caffe_torch.errors import CaffeError
from caffe_torch.files import native, prototxt
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import accelerator, device, log, ranks
from caffe_torch.solver.signals import Action, SignalHandler
from caffe_torch.solver.solver import Solver
from caffe_torch.solver.solver_types import get_solver


def run(args: argparse.Namespace, argv: Sequence[str]) -> int:
    if not args.solver:
        raise CaffeError("train: needs --solver, the solver's .prototxt")
    if args.snapshot and args.weights:
        raise CaffeError("train: give --snapshot to resume or --weights to finetune, not both")
    param = prototxt.read_solver(args.solver)
    param.train_state.level = args.level
    param.train_state.stage.extend(comma_separated(args.stage))
    if args.snapshot or args.weights:
        param.ClearField("weights")
    if args.weights:
        param.weights.append(native.field(args.weights))
    gpus = devices.chosen(args.gpu or _solver_gpu(param))
    if len(gpus) > 1 and ranks.world_size() == 1:
        return processes.run(argv, len(gpus))
    _use(gpus)
    effects = {"stop": Action.STOP, "snapshot": Action.SNAPSHOT, "none": Action.NONE}
    with SignalHandler(effects[args.sigint_effect], effects[args.sighup_effect]) as handler:
        solver = get_solver(param)
        solver.requested = handler
        if args.snapshot:
            log.info(f"Resuming from {args.snapshot}")
            solver.restore(args.snapshot)
        log.info("Starting Optimization")
        with _progress(solver):
            solver.solve()
    log.info("Optimization Done.")
    return 0


def _solver_gpu(param: Any) -> str:
    """The solver's own ``device_id`` where its mode is GPU and no flag says otherwise.

    Of several processes each takes the GPU of its number on this machine, which torchrun tells.
    """
    # The field's default is GPU, but as in Caffe only a mode that is written counts.
    if not param.HasField("solver_mode") or param.solver_mode != caffe_pb2.SolverParameter.GPU:
        return ""
    return "all" if ranks.world_size() > 1 else str(param.device_id)


def _use(gpus: list[int]) -> None:
    if not gpus:
        log.info("Use CPU.")
        device.set_mode_cpu()
        return
    log.info(f"Using GPUs {', '.join(map(str, gpus))}")
    for number in gpus:
        log.info(f"GPU {number}: {accelerator.name(number)}")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if local_rank >= len(gpus):
        raise CaffeError(f"process {local_rank} of this machine has no GPU: --gpu gives {len(gpus)}")
    device.set_device(gpus[local_rank])
    device.set_mode_gpu()


@contextmanager
def _progress(solver: Solver) -> Iterator[None]:
    """A bar of the iterations, where standard error is a terminal; the log goes above it."""
    if not sys.stderr.isatty() or ranks.rank() != 0:
        yield
        return
    with tqdm(total=solver.param.max_iter, initial=solver.iter, unit="it", dynamic_ncols=True) as bar:
        solver.add_callback(None, lambda: bar.update(1))
        log.send_lines_to(lambda line: bar.write(line, file=sys.stderr))
        try:
            yield
        finally:
            log.send_lines_to(None)
