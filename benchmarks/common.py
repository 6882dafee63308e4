"""What the benchmarks share: nets from the committed prototxt, workers timed in turn, ratios of pairs, the machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "python"), str(REPOSITORY / "tests" / "parity")]

import original  # noqa: E402  (of tests/parity: where the original Caffe is)
from google.protobuf import text_format  # noqa: E402

from caffe_torch.proto import caffe_pb2  # noqa: E402
from multiweight.base.cpu import cores  # noqa: E402

#: Pause before each timed round, in which the threads of the worker before stop spinning.
_SETTLE = 0.3


def machine() -> str:
    """The processor, the cores this process may use, memory, Python and PyTorch."""
    import torch

    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    except (OSError, StopIteration):
        memory = 0.0
    return (
        f"{model}, {cores()} core(s), {memory:.0f} GiB; Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}, {platform.system()} {platform.release().split('-')[0]}; "
        f"load {os.getloadavg()[0]:.1f} before the start"
    )


def positive(text: str) -> int:
    """The number of a flag; argparse's error where it is below 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 1 or more")
    return int(text)


def parse(
    parser: argparse.ArgumentParser, sizes: dict[str, tuple[int, int, str]], words: Sequence[str] | None = None
) -> argparse.Namespace:
    """The flags of ``words``, with those of ``sizes`` and --quick.

    ``sizes`` is flag -> (usual, with --quick, help); a flag that is given counts with --quick too.
    """
    for flag, (usual, quick, text) in sizes.items():
        parser.add_argument(flag, type=positive, help=f"{text} ({usual}; {quick} with --quick)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes where none is given: no measurement")
    args = parser.parse_args(words)
    for flag, (usual, quick, _) in sizes.items():
        name = flag.removeprefix("--")
        if getattr(args, name) is None:
            setattr(args, name, quick if args.quick else usual)
    return args


def read_net(method: str) -> Any:
    """The committed train_val net of a method, without its Data layers."""
    path = REPOSITORY / "prototxt" / method / "train_val.prototxt"
    net = text_format.Parse(path.read_text(), caffe_pb2.NetParameter())
    kept = [layer for layer in net.layer if layer.type != "Data"]
    del net.layer[:]
    net.layer.extend(kept)
    return net


def with_data(net: Any, layers: str) -> Any:
    """``net`` with data layers, given as prototxt, before its own."""
    whole = text_format.Parse(layers, caffe_pb2.NetParameter(name=net.name))
    whole.layer.extend(net.layer)
    return whole


def inputs(batch: int) -> str:
    """Input layers of the paper's net: images of 224 and labels, which the worker fills once."""
    shapes = {"data": (batch, 3, 224, 224), "label": (batch, 830)}
    return "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {' '.join(f'dim: {n}' for n in shape)} }} }} }}\n"
        for name, shape in shapes.items()
    )


def write_solver(folder: Path, net: Any, seen: Path | None = None) -> str:
    """net.prototxt and solver.prototxt in ``folder``, which the worker knows as ``seen``; returns the solver's path."""
    seen = seen or folder
    (folder / "net.prototxt").write_text(text_format.MessageToString(net))
    (folder / "solver.prototxt").write_text(
        f'net: "{seen / "net.prototxt"}" base_lr: 0.00001 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005 '
        f'display: 0 max_iter: 1000000 snapshot_prefix: "{seen / "x"}" random_seed: 1 type: "SGD" solver_mode: CPU\n'
    )
    return str(seen / "solver.prototxt")


class Worker:
    """A process that holds one engine and does what it is told, so that rounds of several engines can take turns."""

    def __init__(self, name: str, command: Sequence[str], threads: int, environment: dict[str, str] | None = None):
        self.name = name
        numbers = {k: str(threads) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**os.environ, **(environment or {}), **numbers, "GLOG_minloglevel": "2"},
        )  # fmt: skip
        self.ask("ready")

    def ask(self, what: str, times: int = 1) -> Any:
        """Let the worker do ``what`` ("step", "forward", "peak", "ready") and return its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{what} {times}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._errors.seek(0)
            sys.exit(f"error: the worker {self.name!r} ended: {self._errors.read()[-2000:].strip()}")
        return json.loads(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._errors.close()


def ours(folder: Path, net: Any, threads: int, name: str = "caffe_torch") -> Worker:
    """A worker with this project's engine on ``net``."""
    (folder / name).mkdir()
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "worker_caffe.py"), "caffe_torch"]
    paths = {"PYTHONPATH": str(REPOSITORY / "python")}
    return Worker(name, [*command, write_solver(folder / name, net)], threads, paths)


def plain(batch: int, threads: int) -> Worker:
    """A worker with an AlexNet training loop in PyTorch as one writes it by hand."""
    command = [sys.executable, str(REPOSITORY / "benchmarks" / "worker_torch.py"), str(batch)]
    return Worker("plain PyTorch", command, threads)


@contextmanager
def original_worker(net: Any, threads: int) -> Iterator[Worker | None]:
    """A worker with the original Caffe, or None, after saying why."""
    try:
        reference = original.find()
    except original.NoOriginal as reason:
        print(f"not measured against the original Caffe: {reason}")
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=reference.root / "tmp"))
    try:
        seen = Path("/") / folder.relative_to(reference.root)
        shutil.copy(REPOSITORY / "benchmarks" / "worker_caffe.py", folder)
        solver = write_solver(folder, net, seen)
        command = [*reference.command, str(seen / "worker_caffe.py"), "caffe", solver]
        worker = Worker("original", command, threads, original.environment())
        yield worker
        worker.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def all_workers(net: Any, batch: int, threads: int) -> Iterator[list[Worker]]:
    """caffe_torch, plain PyTorch and, where it is there, the original; none has made a step yet."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        workers = [ours(folder, net, threads), plain(batch, threads)]
        for worker in workers:
            stack.callback(worker.close)
        other = stack.enter_context(original_worker(net, threads))
        yield [*workers, *([other] if other else [])]


def interleave(workers: Sequence[Worker], what: str, rounds: int, times: int = 1) -> dict[str, list[float]]:
    """Seconds of ``what`` (the mean of ``times`` in a row) by worker, one each round, so that noise hits all alike.

    Each worker does ``what`` twice before the first round.
    """
    for worker in workers:
        worker.ask(what, 2)
    seconds: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for i in range(rounds):
        for worker in (*workers[i % len(workers) :], *workers[: i % len(workers)]):
            time.sleep(_SETTLE)
            seconds[worker.name].append(worker.ask(what, times) / times)
    return seconds


@dataclass(frozen=True)
class Spread:
    """Median, least and most of some values."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.least:{spec}} to {self.most:{spec}})"


def print_seconds(what: str, seconds: dict[str, list[float]], images: int) -> None:
    """A line per engine: seconds and images per second; then the ratios of the pairs of each round."""
    rounds = len(next(iter(seconds.values())))
    print(f"\n{what}: median (least to most) of {rounds} rounds, engines in turn")
    for name, values in seconds.items():
        print(f"  {name:16} {Spread.of(values):.3f} s   {images / statistics.median(values):7.1f} images/s")
    first, *others = seconds
    for name in others:
        print(f"  speed over {name}: {Spread.of(ratios(seconds[name], seconds[first])):.2f} x")


def ratios(left: Sequence[float], right: Sequence[float]) -> list[float]:
    """left / right, pair by pair."""
    return [a / b for a, b in zip(left, right)]


def run(main: Callable[[], int | None]) -> None:
    """Run a benchmark's ``main``; Ctrl-C ends it without a traceback."""
    try:
        sys.exit(main() or 0)
    except KeyboardInterrupt:
        sys.exit(130)
