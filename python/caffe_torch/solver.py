"""Solvers: train a net as Caffe does, with its snapshots and its test phase. The API is pycaffe's."""

from __future__ import annotations

import math
import os
from functools import partial
from pathlib import Path
from typing import Any, Callable

import torch
from torch import Tensor

from caffe_torch import device, distributed, log, netparam, prototxt, rng, wire
from caffe_torch.errors import CaffeError
from caffe_torch.nccl import NCCL
from caffe_torch.net import Net
from caffe_torch.proto import caffe_pb2
from caffe_torch.solver_rules import HISTORIES, RULES, learning_rate


class Solver:
    """A solver of the ``type`` in its prototxt; ``net`` is the training net, ``test_nets`` the test nets."""

    #: The prototxt's ``type`` is used where a class does not say its own.
    rule: str | None = None

    def __init__(self, solver_file: str | Path):
        self.param = prototxt.read_solver(solver_file)
        self.type = self.rule or self.param.type
        if self.type not in RULES:
            raise CaffeError(f"{solver_file}: solver type {self.type!r} is unknown (known: {', '.join(RULES)})")
        if self.param.random_seed >= 0:
            # Processes draw other crops and dropout masks each; the weights are process 0's.
            rng.seed(self.param.random_seed + distributed.rank())
        self.net = self._make_net(*_train_net(self.param, str(solver_file)), self.param.train_state, netparam.state(0))
        self.test_nets = self._make_test_nets(str(solver_file))
        distributed.join()
        self._broadcast()
        self.iter = 0
        self._current_step = 0
        self._losses: list[float] = []
        self._smoothed = 0.0
        self._callbacks: list[tuple[Callable[[], Any] | None, Callable[[], Any] | None]] = []
        self._history = [[torch.zeros(p.blob.shape) for p in self.net._learnable] for _ in range(HISTORIES[self.type])]

    def _make_net(self, param: Any, own: Any, extra: Any, least: Any) -> Net:
        state = caffe_pb2.NetState()
        state.CopyFrom(least)
        for part in (own, extra):
            state.MergeFrom(part)
        state.phase = least.phase
        net = caffe_pb2.NetParameter()
        net.CopyFrom(param)
        return Net._from_state(net, state)

    def _make_test_nets(self, source: str) -> list[Net]:
        given = [*self.param.test_net_param, *(prototxt.read_net(f) for f in self.param.test_net)]
        count = len(self.param.test_iter)
        if not given and count:
            given = [_train_net(self.param, source)[0]] * count
        if len(given) != count:
            raise CaffeError(f"{source}: has {count} test_iter for {len(given)} test net(s): give one a net")
        if count and not self.param.test_interval:
            raise CaffeError(f"{source}: has test_iter, but no test_interval")
        states = list(self.param.test_state) or [caffe_pb2.NetState()] * count
        nets = []
        for net, state in zip(given, states):
            made = self._make_net(net, net.state, state, netparam.state(1))
            made.share_with(self.net)
            nets.append(made)
        return nets

    def _broadcast(self) -> None:
        for parameter in self.net._learnable:
            parameter.blob.change(lambda weights: distributed.broadcast([weights]))

    # --- training ---

    def step(self, iterations: int) -> None:
        """Train for ``iterations`` more."""
        param = self.param
        stop = self.iter + iterations
        self._losses, self._smoothed = [], 0.0
        while self.iter < stop:
            self.net.clear_param_diffs()
            if (
                param.test_interval
                and self.iter % param.test_interval == 0
                and (self.iter or param.test_initialization)
            ):
                self._test_all()
            for on_start, _ in self._callbacks:
                if on_start:
                    on_start()
            loss = 0.0
            for _ in range(param.iter_size):
                loss += self.net._forward(0, len(self.net.layers) - 1)
                self.net._backward(len(self.net.layers) - 1, 0)
            loss = distributed.mean(loss / param.iter_size)
            self._smooth(loss)
            if param.display and self.iter % param.display == 0:
                log.info(f"Iteration {self.iter}, loss = {self._smoothed:g}")
                self._log_outputs(self.net, {n: self.net.blobs[n].data for n in self.net.outputs}, "Train")
            for _, on_gradients_ready in self._callbacks:
                if on_gradients_ready:
                    on_gradients_ready()
            if not math.isfinite(loss):
                # The original trains on, and writes the NaN into its next snapshot.
                raise CaffeError(
                    f"iteration {self.iter}: the loss is {loss}: training has diverged; the snapshots before it are "
                    f"kept; try a base_lr below {param.base_lr:g}"
                )
            self.apply_update()
            self.iter += 1
            if param.snapshot and self.iter % param.snapshot == 0:
                self.snapshot()

    def solve(self, resume_file: str | None = None) -> None:
        """Train up to ``max_iter``, from the beginning or from a .solverstate; snapshot and test at the end."""
        if resume_file:
            self.restore(resume_file)
        self.step(max(self.param.max_iter - self.iter, 0))
        if self.param.snapshot_after_train and (not self.param.snapshot or self.iter % self.param.snapshot):
            self.snapshot()
        if self.param.test_interval and self.iter % self.param.test_interval == 0:
            self._test_all()

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

    def _smooth(self, loss: float) -> None:
        self._losses.append(loss)
        del self._losses[: -max(self.param.average_loss, 1)]
        self._smoothed = sum(self._losses) / len(self._losses)

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        return learning_rate(self.param, self.iter, self._current_step)[0]

    def apply_update(self) -> None:
        """Change the weights by the gathered gradients: clip, normalise, decay, then the solver's rule."""
        param = self.param
        lr, self._current_step = learning_rate(param, self.iter, self._current_step)
        if param.display and self.iter % param.display == 0:
            log.info(f"Iteration {self.iter}, lr = {lr:g}")
        if distributed.averages_updates():
            distributed.average(p.blob.diff_tensor() for p in self.net._learnable)
        scale = self._clip_scale()
        where = device.current()
        with torch.no_grad():
            for i, parameter in enumerate(self.net._learnable):
                rate = lr * parameter.lr_mult
                gradient = parameter.blob.diff_tensor()
                if scale != 1:
                    gradient = gradient.mul_(scale)
                if param.iter_size > 1:
                    gradient = gradient.div_(param.iter_size)
                _decay(param, parameter.decay_mult, parameter.blob.tensor(), gradient)
                for history in self._history:
                    if history[i].device != where:
                        history[i] = history[i].to(where)
                update = RULES[self.type](param, self.iter, rate, gradient, [h[i] for h in self._history])
                parameter.blob.change(partial(_subtract, update))
                # As in the original, the diff holds the update afterwards; a copy, since the history goes on changing.
                gradient.copy_(update)
                parameter.blob.assign_diff(gradient)

    def _clip_scale(self) -> float:
        limit = self.param.clip_gradients
        if limit < 0:
            return 1.0
        norm = sum(float(p.blob.diff_tensor().double().square().sum()) for p in self.net._learnable) ** 0.5
        return limit / norm if norm > limit else 1.0

    # --- testing ---

    def _test_all(self) -> None:
        for i, net in enumerate(self.test_nets):
            log.info(f"Iteration {self.iter}, Testing net (#{i})")
            self._log_outputs(net, self.test(i), "Test")

    def test(self, index: int = 0) -> dict[str, Any]:
        """Mean outputs of a test net over its ``test_iter`` batches, by blob name."""
        net = self.test_nets[index]
        net.share_with(self.net)
        sums: dict[str, Any] = {}
        batches = self.param.test_iter[index]
        for _ in range(batches):
            net._forward(0, len(net.layers) - 1)
            for name in net.outputs:
                sums[name] = sums.get(name, 0) + net.blobs[name].data.astype("float64")
        return {name: total / batches for name, total in sums.items()}

    def _log_outputs(self, net: Net, values: dict[str, Any], kind: str) -> None:
        number = 0
        weights = net.blob_loss_weights
        for name in net.outputs:
            for value in values[name].reshape(-1):
                weight = weights[name]
                extra = f" (* {weight:g} = {weight * value:g} loss)" if weight else ""
                log.info(f"    {kind} net output #{number}: {name} = {value:g}{extra}")
                number += 1

    # --- snapshots ---

    def snapshot(self) -> None:
        """Write ``<snapshot_prefix>_iter_N.caffemodel`` and ``.solverstate``, each whole or not at all."""
        if self.param.snapshot_format == caffe_pb2.SolverParameter.HDF5:
            raise CaffeError("solver: snapshot_format HDF5 is not supported; use BINARYPROTO")
        if not self.param.snapshot_prefix:
            raise CaffeError("solver: a snapshot needs snapshot_prefix")
        if distributed.rank() == 0:
            self._write_snapshot(f"{self.param.snapshot_prefix}_iter_{self.iter}")
        distributed.barrier()

    def _write_snapshot(self, base: str) -> None:
        Path(base).parent.mkdir(parents=True, exist_ok=True)
        log.info(f"Snapshotting to binary proto file {base}.caffemodel")
        self.net.save(f"{base}.caffemodel")
        arrays = [h.cpu().numpy() for history in self._history for h in history]
        wire.write_atomically(
            f"{base}.solverstate",
            lambda file: wire.write_state(file, self.iter, f"{base}.caffemodel", arrays, self._current_step),
        )

    def restore(self, state_file: str | Path) -> None:
        """Go on from a .solverstate: iteration, history, and the weights of the .caffemodel that it names."""
        if str(state_file).endswith(".caffemodel"):
            raise CaffeError(f"{state_file}: is a .caffemodel; a .solverstate is needed to resume (or use --weights)")
        state, history = wire.read_state(state_file)
        flat = [(h, i) for h in self._history for i in range(len(h))]
        if len(flat) != len(history):
            raise CaffeError(f"{state_file}: holds {len(history)} history blobs, this solver and net have {len(flat)}")
        for (target, i), array in zip(flat, history):
            if tuple(target[i].shape) != array.shape:
                raise CaffeError(
                    f"{state_file}: a history blob has shape {array.shape}, "
                    f"parameter {i} of this net {tuple(target[i].shape)}"
                )
        weights = state.learned_net
        beside = os.path.join(os.path.dirname(str(state_file)), os.path.basename(weights))
        if not os.path.exists(weights) and os.path.exists(beside):
            weights = beside  # the two files were moved together
        self.net.copy_from(weights)
        for (target, i), array in zip(flat, history):
            target[i] = torch.from_numpy(array.copy())
        self.iter, self._current_step = state.iter, state.current_step

    def share_weights(self, net: Net) -> None:
        net.share_with(self.net)


def _train_net(param: Any, source: str) -> tuple[Any, Any]:
    """(NetParameter, its own state) of the training net, from whichever of the four fields names it."""
    fields = [f for f in ("net", "net_param", "train_net", "train_net_param") if param.HasField(f)]
    if len(fields) != 1:
        raise CaffeError(
            f"{source}: must name its training net exactly once (net, net_param, train_net or train_net_param), "
            f"found {', '.join(fields) or 'none'}"
        )
    value = getattr(param, fields[0])
    net = prototxt.read_net(value) if isinstance(value, str) else value
    return net, net.state


def _subtract(update: Tensor, weights: Tensor) -> None:
    weights.sub_(update)


def _decay(param: Any, multiplier: float, weights: Tensor, gradient: Tensor) -> None:
    decay = param.weight_decay * multiplier
    if not decay:
        return
    if param.regularization_type == "L2":
        gradient.add_(weights, alpha=decay)
    elif param.regularization_type == "L1":
        gradient.add_(weights.sign(), alpha=decay)
    else:
        raise CaffeError(f"solver: regularization_type {param.regularization_type!r} is unknown (known: L1, L2)")


class SGDSolver(Solver):
    rule = "SGD"


class NesterovSolver(Solver):
    rule = "Nesterov"


class AdaGradSolver(Solver):
    rule = "AdaGrad"


class RMSPropSolver(Solver):
    rule = "RMSProp"


class AdaDeltaSolver(Solver):
    rule = "AdaDelta"


class AdamSolver(Solver):
    rule = "Adam"


def get_solver(solver_file: str | Path) -> Solver:
    """The solver of the type that its prototxt names."""
    return Solver(solver_file)
