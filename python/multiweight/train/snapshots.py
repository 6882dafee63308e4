"""When a training saves, and what it saves: Caffe's two files, and beside them what log.csv needs to go on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from multiweight.base import done, engine, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Run

#: Seconds between snapshots that are taken by time; of these only the newest is kept.
EVERY = 600.0


class Snapshots:
    """The snapshots of a run in training: each ``interval`` iterations, and between them by time.

    ``solver`` is the engine's, whose own snapshots are off.
    """

    def __init__(self, caffe: ModuleType, run: Run, solver: Any, interval: int, every: float = EVERY):
        self._schema, self._run, self._solver = engine.schema(caffe), run, solver
        self._interval, self._every = interval, every
        self._last = time.monotonic()
        self._restorable = caffe.__name__ == "caffe_torch"
        self._refused = getattr(caffe, "CaffeError", UserError)  # the original ends the process

    def restore(self, iteration: int) -> dict[str, Any]:
        """Go on from the snapshot of ``iteration``; what was kept with it, {} where nothing was.

        The original opens the weights under the name in the .solverstate, seen from the current directory; caffe_torch
        looks beside that file too.
        """
        state = self._run.snapshot(iteration, "solverstate")
        if not self._restorable:
            self._name_weights(state, str(self._run.snapshot(iteration).resolve()))
        try:
            self._solver.restore(str(state))
        except self._refused as error:
            files = self._run.snapshot(iteration, "*")
            raise UserError(
                f"{error}: remove {files}, and the same command goes on from the snapshot before, or begins anew"
            ) from None
        if not self._restorable:
            self._name_weights(state, self._weights(iteration))
        kept = self._run.snapshot(iteration, "training.json")
        return done.read(kept) if kept.exists() else {}

    def due(self, iteration: int) -> bool:
        """Whether the interval asks for a snapshot after this iteration."""
        return bool(self._interval) and iteration % self._interval == 0

    def late(self) -> bool:
        """Whether the last snapshot is so long ago that one is to be taken by time."""
        return time.monotonic() - self._last >= self._every

    def save(self, state: dict[str, Any], lasting: bool) -> None:
        """Write a snapshot; ``lasting`` says that it stays, else the next one takes its place."""
        iteration = self._solver.iter
        if engine.process() == 0:
            # First, as a .solverstate tells that its snapshot is whole.
            _write(self._run.snapshot(iteration, "training.json"), {**state, "lasting": lasting})
        self._solver.snapshot()
        self._last = time.monotonic()
        if engine.process() == 0:
            if self._run.snapshot(iteration, "solverstate").exists():
                self._name_weights(self._run.snapshot(iteration, "solverstate"), self._weights(iteration))
            self._remove_passing(iteration)

    def _weights(self, iteration: int) -> str:
        """The name of the weights in a .solverstate: from the run's folder, as the solver's snapshot_prefix is."""
        return self._run.snapshot(iteration).relative_to(self._run.root).as_posix()

    def _name_weights(self, state: Path, name: str) -> None:
        # In the wire format the last value of a field counts, so that the arrays before it need not be read.
        with open(state, "ab") as file:
            file.write(self._schema.SolverState(learned_net=name).SerializeToString())

    def _remove_passing(self, newest: int) -> None:
        for path in self._run.snapshots.glob(f"{self._run.variant}_iter_*.training.json"):
            number = path.name[len(f"{self._run.variant}_iter_") : -len(".training.json")]
            if number.isdigit() and int(number) < newest and not done.read(path).get("lasting", True):
                # The .solverstate first: without it the others are no snapshot.
                self._run.snapshot(int(number), "solverstate").unlink(missing_ok=True)
                for other in self._run.snapshots.glob(f"{self._run.variant}_iter_{number}.*"):
                    other.unlink(missing_ok=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    whole_file.write(path, json.dumps(content) + "\n")
