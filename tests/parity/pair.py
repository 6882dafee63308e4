"""The two engines side by side: jobs run by each in a process of its own, in one folder that both see."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import original

HERE = Path(__file__).resolve().parent
ENGINES = ("original", "torch")
#: Set to a name of planted.py, it spoils caffe_torch in the processes started here, and nowhere else.
FAULT = "MULTIWEIGHT_PARITY_FAULT"
TIMEOUT = 600


class Result(NamedTuple):
    """What became of one job: ``arrays`` where it ended, else ``error`` (a traceback or how the process died)."""

    arrays: dict[str, np.ndarray] | None
    error: str
    aborted: bool
    log: str

    def values(self) -> dict[str, np.ndarray]:
        """The arrays; AssertionError with what was said where the job did not end."""
        assert self.arrays is not None, f"{self.error}\n{self.log[-2000:]}"
        return self.arrays


class Pair:
    """A folder with ``files`` (made by the tests), ``python`` (on both engines' path) and a working directory for each.

    A job is a dict with ``name`` and ``kind`` (see runner.py). Its paths are relative to the engine's directory:
    ``../files/x``, or ``../original/x`` for what the original has written.
    """

    def __init__(self) -> None:
        self.original = original.need()
        self.folder = Path(tempfile.mkdtemp(prefix="parity-", dir=self.original.root / "tmp"))
        self.files = self.folder / "files"
        for name in ("files", "python/multiweight/layers", *ENGINES):
            (self.folder / name).mkdir(parents=True)
        # The layers' very files, without the rest of the package, for which the original's Python may be too old.
        package = original.REPOSITORY / "python" / "multiweight"
        for source in (package / "__init__.py", *package.glob("layers/*.py")):
            shutil.copy(source, self.folder / "python" / "multiweight" / source.relative_to(package))
        for source in (HERE / "runner.py", HERE / "pylayers.py", *HERE.glob("probes*.py")):
            shutil.copy(source, self.folder / "python" / source.name)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, jobs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Result]]:
        """Every job in both engines; results by engine and name."""
        return self.run_each({engine: jobs for engine in ENGINES})

    def run_each(self, jobs: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, dict[str, Result]]:
        """Each engine's own jobs; the engines run at the same time."""
        with ThreadPoolExecutor(len(ENGINES)) as pool:
            running = {engine: pool.submit(self._run, engine, list(jobs.get(engine, ()))) for engine in ENGINES}
            return {engine: future.result() for engine, future in running.items()}

    def _command(self, engine: str) -> list[str]:
        if engine == "original":
            inside = str(Path("/") / self.folder.relative_to(self.original.root))
            return [*self.original.command, f"{inside}/python/runner.py", inside, engine, "caffe"]
        script = [str(HERE / "planted.py")] if os.environ.get(FAULT) else [str(self.folder / "python/runner.py")]
        return [sys.executable, *script, str(self.folder), engine, "caffe_torch"]

    def _run(self, engine: str, jobs: list[dict[str, Any]]) -> dict[str, Result]:
        (self.folder / f"jobs-{engine}.json").write_text(json.dumps(jobs))
        died: dict[int, str] = {}
        first = 0
        ours = {**os.environ, "PYTHONPATH": str(original.REPOSITORY / "python")}
        environment = original.environment() if engine == "original" else ours
        while first < len(jobs):
            done = subprocess.run(
                [*self._command(engine), str(first)], env=environment, timeout=TIMEOUT, text=True, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if done.returncode == 0:
                break
            begun = [int(line) for line in done.stdout.split("\n") if line.isdigit()]
            output = "\n".join(line for line in done.stdout.split("\n") if not line.isdigit())[-2000:]
            if not begun:
                raise AssertionError(f"{engine}: no job began\n{output}\n{self._read(engine, 'import.log')}")
            died[begun[-1]] = f"{engine}: the process ended with status {done.returncode}\n{output}"
            first = begun[-1] + 1
        return {job["name"]: self._result(engine, job["name"], died.get(i)) for i, job in enumerate(jobs)}

    def _read(self, engine: str, name: str) -> str:
        path = self.folder / engine / name
        return path.read_text(errors="replace") if path.exists() else ""

    def _result(self, engine: str, name: str, died: str | None) -> Result:
        log = self._read(engine, f"{name}.log")
        path = self.folder / engine / f"{name}.npz"
        if not path.exists():
            return Result(None, died or self._read(engine, f"{name}.error"), died is not None, log)
        with np.load(path) as loaded:
            arrays = {key: loaded[key] for key in loaded.files}
        path.unlink()
        return Result(arrays, "", False, log)
