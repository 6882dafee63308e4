"""Solvers: train a net as Caffe does, with its snapshots and its test phase. The API is pycaffe's."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch

from caffe_torch.errors import CaffeError
from caffe_torch.files import prototxt
from caffe_torch.layers.fork_settings import warn_of_unread_by
from caffe_torch.net import description, nonfinite
from caffe_torch.net.debug import DebugInfo
from caffe_torch.net.net import Net
from caffe_torch.proto.extension import current
from caffe_torch.runtime import distributed, log, ranks, rng, user_modules
from caffe_torch.solver import detection, nets, snapshot
from caffe_torch.solver.losses import Losses
from caffe_torch.solver.nccl import NCCL
from caffe_torch.solver.rules import RULES, check, learning_rate
from caffe_torch.solver.signals import Action, none
from caffe_torch.solver.updates import Updates


class Solver:
    """A solver of the ``type`` in its prototxt; ``net`` is the training net, ``test_nets`` the test nets."""

    #: The prototxt's ``type`` is used where a class does not say its own.
    rule: str | None = None

    def __init__(self, solver_file: str | bytes | Path | Any, source: str | None = None):
        """``source`` is what messages call a SolverParameter that is given in place of its file."""
        self.param: Any
        self.param, file = read_parameter(solver_file)
        source = source or file
        description.parameters("solver", self.param)
        warn_of_unread_by(self.param, "solver")
        self.type = self.rule or self.param.type
        if self.type not in RULES:
            raise CaffeError(f"{source}: solver type {self.type!r} is unknown (known: {', '.join(RULES)})")
        if self.param.average_loss < 1 or self.param.iter_size < 1:
            raise CaffeError(f"{source}: average_loss and iter_size must be 1 or more")
        check(self.type, self.param)
        snapshot.check_prefix(self.param, source)
        if self.param.random_seed >= 0:
            # Processes draw other crops and dropout masks each; the weights are process 0's.
            rng.seed(self.param.random_seed + ranks.rank())
        self.net = nets.train_net(self.param, source)
        snapshot.check_names(self)
        self.test_nets = nets.test_nets(self.param, source)
        for net in self.test_nets:
            net.share_with(self.net)
        self._debug = DebugInfo(self.net.graph, on=False) if self.param.debug_info else None
        if self.param.debug_info:
            for net in self.test_nets:
                DebugInfo(net.graph)
        nets.share_weights(self.net, source)
        self.iter = 0
        self.current_step = 0
        self.updates = Updates(self.type, self.param, self.net.graph.learnable)
        #: Asked after each iteration and before each test batch; a program may put its own function here.
        self.requested: Callable[[], Action] = none
        self._stopping = False
        self._losses = Losses(self.param.average_loss, self._diverged)
        self._displayed = (0, time.monotonic())
        self._callbacks: list[tuple[Callable[[], Any] | None, Callable[[], Any] | None]] = []
        log.info("Solver scaffolding done.")

    # --- training ---

    def step(self, iterations: int) -> None:
        """Train for ``iterations`` more, or until a signal asks to stop."""
        param = self.param
        stop = self.iter + iterations
        self._losses.begin(self.iter)
        self._displayed = (self.iter, time.monotonic())
        while self.iter < stop:
            self.net.clear_param_diffs()
            testing = param.test_interval and self.iter % param.test_interval == 0
            if testing and (self.iter or param.test_initialization):
                self._test_all()
                if self._stopping:
                    break
            for on_start, _ in self._callbacks:
                if on_start:
                    on_start()
            self._iterate()
            self.apply_update()
            action = self._action()
            if action == Action.SNAPSHOT or (param.snapshot and self.iter % param.snapshot == 0):
                self.snapshot()
            if action == Action.STOP:
                self._stopping = True
                break

    def _iterate(self) -> None:
        """Forward and backward, ``iter_size`` times, with the lines of the log."""
        param = self.param
        display = bool(param.display) and self.iter % param.display == 0
        if self._debug:
            self._debug.on = display
        losses = []
        for _ in range(param.iter_size):
            losses.append(self.net.graph.forward_loss())
            self.net.graph.backward()
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).mean()
        self._losses.add(self.iter, distributed.mean(loss))
        if display:
            self._display()
        for _, on_gradients_ready in self._callbacks:
            if on_gradients_ready:
                on_gradients_ready()
        self._losses.check()

    def _diverged(self, iteration: int, loss: float) -> None:
        # The original trains on, and writes the NaN into its next snapshot.
        raise CaffeError(
            f"iteration {iteration}: the loss is {loss}: training has diverged, or its data is bad; "
            f"{nonfinite.first(self.net.graph) or 'no single blob is at fault'}; the snapshots before it are kept; "
            f"if it diverged, try a base_lr below {self.param.base_lr:g}"
        )

    def _display(self) -> None:
        iterations, seconds = self.iter - self._displayed[0], time.monotonic() - self._displayed[1]
        log.info(
            f"Iteration {self.iter} ({iterations / (seconds or 1):g} iter/s, {seconds:g}s/{self.param.display} iters), "
            f"loss = {self._losses.mean():g}"
        )
        self._displayed = (self.iter, time.monotonic())
        self._log_outputs(self.net, {name: self.net.blobs[name].data for name in self.net.outputs}, "Train")

    def _action(self) -> Action:
        return Action(distributed.largest(self.requested()))

    def solve(self, resume_file: str | bytes | Path | None = None) -> None:
        """Train up to ``max_iter``, from the beginning or from a .solverstate; snapshot and test at the end."""
        log.info(f"Solving {self.net.name}")
        log.info(f"Learning Rate Policy: {self.param.lr_policy}")
        self._stopping = False
        if resume_file:
            self.restore(resume_file)
        param = self.param
        self.step(max(param.max_iter - self.iter, 0))
        if param.snapshot_after_train and (not param.snapshot or self.iter % param.snapshot):
            self.snapshot()
        if self._stopping:
            log.info("Optimization stopped early.")
            return
        if param.display and self.iter % param.display == 0:
            self._losses.add(self.iter, distributed.mean(self.net.graph.forward_loss()))
            log.info(f"Iteration {self.iter}, loss = {self._losses.mean():g}")
        if param.test_interval and self.iter % param.test_interval == 0:
            self._test_all()
        log.info("Optimization Done.")

    def add_callback(
        self, on_start: Callable[[], Any] | NCCL | None, on_gradients_ready: Callable[[], Any] | None = None
    ) -> None:
        """Call ``on_start`` before each iteration's forward, ``on_gradients_ready`` before its update.

        An NCCL object alone averages the gradients.
        """
        if isinstance(on_start, NCCL):
            self._callbacks.append((on_start.on_start, on_start.on_gradients_ready))
        else:
            self._callbacks.append((on_start, on_gradients_ready))

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        return learning_rate(self.param, self.iter, self.current_step)[0]

    def apply_update(self) -> None:
        """Change the weights by the gathered gradients, and count the iteration."""
        param = self.param
        rate, step = learning_rate(param, self.iter, self.current_step)
        if param.lr_policy == "multistep" and step != self.current_step:
            log.info(f"MultiStep Status: Iteration {self.iter}, step = {step}")
        self.current_step = step
        if param.display and self.iter % param.display == 0:
            log.info(f"Iteration {self.iter}, lr = {rate:g}")
        if distributed.averages_updates():
            distributed.average(p.blob.diff_tensor() for p in self.net.graph.learnable)
        self.updates.apply(self.iter, rate)
        self.iter += 1

    # --- testing ---

    def _test_all(self) -> None:
        for i, net in enumerate(self.test_nets):
            log.info(f"Iteration {self.iter}, Testing net (#{i})")
            averages = self.test(i)
            if self._stopping:
                log.info("Test interrupted.")
                return
            self._log_outputs(net, averages, "Test")

    def test(self, index: int = 0) -> dict[str, Any]:
        """Mean outputs of a test net over its ``test_iter`` batches, by blob name; for detection their mean AP.

        A signal may ask for a snapshot meanwhile, or to stop: then what was gathered so far means nothing.
        """
        self._losses.read()
        net = self.test_nets[index]
        net.share_with(self.net)
        sums: dict[str, Any] = {}
        detections = {name: detection.Detections() for name in net.outputs} if detection.wanted(self.param) else {}
        loss = 0.0
        batches = self.param.test_iter[index]
        for _ in range(batches):
            while (action := self._action()) != Action.NONE:
                if action == Action.SNAPSHOT:
                    self.snapshot()
                else:
                    self._stopping = True
            if self._stopping:
                return {}
            loss += net.graph.forward()
            for name in net.outputs:
                if detections:
                    detections[name].add(net.blobs[name].data, name)
                    continue
                sums[name] = sums.get(name, 0) + net.blobs[name].data.astype("float64")
        if self.param.test_compute_loss:
            log.info(f"Test loss: {loss / batches if batches else math.nan:g}")
        version, each = self.param.ap_version, self.param.show_per_class_result
        averages = {name: np.float64(rows.mean(version, each)) for name, rows in detections.items()}
        return averages or {name: total / batches for name, total in sums.items()}

    def _log_outputs(self, net: Net, values: dict[str, Any], kind: str) -> None:
        number = 0
        weights = net.blob_loss_weights
        for name in net.outputs if values else ():  # a test_iter of 0 gives none
            weight = weights[name]
            for value in np.ravel(values[name]):
                extra = f" (* {weight:g} = {weight * value:g} loss)" if weight else ""
                log.info(f"    {kind} net output #{number}: {name} = {value:g}{extra}")
                number += 1

    # --- snapshots ---

    def snapshot(self) -> None:
        """Write ``<snapshot_prefix>_iter_N`` .caffemodel and .solverstate, each whole or not at all."""
        self._losses.read()
        snapshot.write(self)

    def restore(self, state_file: str | bytes | Path) -> None:
        """Go on from a .solverstate: iteration, history, weights; random streams and data too where they were kept."""
        snapshot.restore(self, os.fsdecode(state_file))

    def share_weights(self, net: Net) -> None:
        net.share_with(self.net)


def read_parameter(solver_file: str | bytes | Path | Any) -> tuple[Any, str]:
    """(SolverParameter, its file for messages) of a solver's .prototxt, or of a SolverParameter."""
    if isinstance(solver_file, (str, bytes, os.PathLike)):
        source = os.fsdecode(solver_file)
        return prototxt.read_solver(source), source
    user_modules.load()
    return current(solver_file), "solver"
