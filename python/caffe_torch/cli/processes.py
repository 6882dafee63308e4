"""The same command once for each GPU of this machine, in processes that train together.

They meet at a file, not at a port: what torchrun starts listens on every address of the machine.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import torch.multiprocessing as mp

from caffe_torch.runtime import distributed

_FORWARDED = (signal.SIGINT, signal.SIGHUP)


def _command(argv: list[str]) -> int:
    from caffe_torch.cli import command

    return command.main(argv)


def run(argv: Sequence[str], count: int, main: Callable[[list[str]], int | None] = _command) -> int:
    """Run ``main(argv)`` in ``count`` processes, numbered as torchrun numbers them; the first failure ends all.

    ``main`` is a function of a module; by default the command caffe-torch.

    SIGINT and SIGHUP go on to each of them, so that all stop or snapshot together.
    """
    with tempfile.TemporaryDirectory(prefix="caffe-torch-") as folder:
        return _run(main, list(argv), count, (Path(folder) / "meeting").as_uri())


def _run(main: Callable[[list[str]], int | None], argv: list[str], count: int, meeting: str) -> int:
    context = mp.start_processes(_work, (main, argv, count, meeting), nprocs=count, join=False, start_method="spawn")

    def forward(number: int, frame: FrameType | None) -> None:
        for pid in context.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        while not context.join():
            pass
    except mp.ProcessExitedException as error:
        print(f"error: process {error.error_index} of {count} ended: {error.msg}", file=sys.stderr)
        return error.exit_code if error.exit_code > 0 else 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _work(rank: int, main: Callable[[list[str]], int | None], argv: list[str], count: int, meeting: str) -> None:
    """One process; in a group of its own, so that a terminal's Ctrl-C reaches it once, through ``run``."""
    os.setpgid(0, 0)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count))
    os.environ[distributed.MEETING] = meeting
    # What they tell each other stays on this machine.
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, "lo")
    sys.exit(main(argv))
