"""The same command once for each GPU of this machine, in processes that train together."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

import torch.multiprocessing as mp

_FORWARDED = (signal.SIGINT, signal.SIGHUP)


def run(argv: Sequence[str], count: int) -> int:
    """Run the command line in ``count`` processes, numbered as torchrun numbers them; the first failure ends all.

    SIGINT and SIGHUP go on to each of them, so that all stop or snapshot together.
    """
    port = _free_port()
    context = mp.start_processes(_work, (list(argv), count, port), nprocs=count, join=False, start_method="spawn")

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


def _work(rank: int, argv: list[str], count: int, port: int) -> None:
    """One process; in a group of its own, so that a terminal's Ctrl-C reaches it once, through ``run``."""
    from caffe_torch.cli import command

    os.setpgid(0, 0)
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    sys.exit(command.main(argv))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
