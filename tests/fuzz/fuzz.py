"""Damaged inputs for every reader: each must be read, or refused by a clear error, in little time and memory.

    python tests/fuzz/fuzz.py [--minutes 5] [--reader NAME ...] [--first N] [--inputs N]

Every reader runs in processes of its own; one that crashes or hangs is started again behind the input. Faults are
written to build/fuzz/<reader>/<number>, and the exit status is 1. Once the fault is fixed, the
input goes into tests/fuzz/kept.
"""

from __future__ import annotations

import argparse
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import child
import readers

#: Seconds that one input may take; a child's start is slower.
PATIENCE, START = 60, 300
#: Where children work: in memory where the system offers that, since databases and snapshots wait for the disk.
WORK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
FOUND = readers.HERE.parents[1] / "build" / "fuzz"


class Run:
    """One reader's inputs, from ``first`` on up to ``last``, for ``seconds``."""

    def __init__(self, reader: readers.Reader, first: int, last: int, seconds: float):
        self.reader, self.number, self.last, self.seconds = reader, first, last, seconds
        self.faults: dict[int, str] = {}

    def all(self) -> None:
        end = time.monotonic() + self.seconds
        while self.number < self.last and (left := end - time.monotonic()) > 0:
            with tempfile.TemporaryDirectory(prefix="fuzz-", dir=WORK) as folder:
                if not self._one_child(left, folder):
                    return

    def _one_child(self, seconds: float, folder: str) -> bool:
        """Let one child work; whether it has to be followed by another."""
        command = [
            sys.executable,
            str(readers.HERE / "child.py"),
            self.reader.name,
            str(self.number),
            str(self.last),
            str(seconds),
            folder,
        ]
        environment = {**os.environ, "GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1"}
        with (
            tempfile.TemporaryFile("w+", errors="replace") as errors,
            subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
            ) as process,
        ):
            lines: queue.Queue[str | None] = queue.Queue()
            threading.Thread(target=_pass_on, args=(process, lines), daemon=True).start()
            begun = False
            while True:
                try:
                    line = lines.get(timeout=PATIENCE if begun else START)
                except queue.Empty:
                    process.kill()
                    self._fault("it hangs")
                    return begun
                if line is None:
                    break
                word, number, *rest = line.split(" ", 2)
                self.number, begun = int(number), True
                if word == "end":
                    return False
                if word == "fault":
                    self._fault(rest[0])
            process.wait()
            errors.seek(0)
            self._fault(f"the process ended with status {process.returncode}: {errors.read()[-2000:]}")
            return begun

    def _fault(self, text: str) -> None:
        self.faults[self.number] = text
        print(f"{self.reader.name} {self.number}: {text}", flush=True)
        self.number += 1


def _pass_on(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout
    for line in process.stdout:
        lines.put(line.rstrip("\n"))
    lines.put(None)


def keep(reader: readers.Reader, numbers: list[int]) -> None:
    """Write the inputs to build/fuzz."""
    folder = FOUND / reader.name
    folder.mkdir(parents=True, exist_ok=True)
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        examples = list(reader.examples(Path(work)))
        os.chdir(here)
    for number in numbers:
        (folder / str(number)).write_bytes(child.damaged(reader, number, examples))


def main() -> int:
    known = readers.load()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="for all readers together")
    parser.add_argument("--reader", action="append", choices=known, help="this one only (may be repeated)")
    parser.add_argument("--first", type=int, default=0, help="number of the first input, which decides all")
    parser.add_argument("--inputs", type=int, help="so many for each reader, however long it takes")
    args = parser.parse_args()
    chosen = [known[name] for name in args.reader or known]
    bad = 0
    for reader in chosen:
        seconds = 60 * args.minutes / len(chosen) if args.inputs is None else math.inf
        run = Run(reader, args.first, args.first + (args.inputs or sys.maxsize), seconds)
        begun = time.monotonic()
        run.all()
        if run.faults:
            keep(reader, list(run.faults))
        bad += len(run.faults)
        summary = f"{run.number - args.first} inputs, {len(run.faults)} faults, {time.monotonic() - begun:.0f} s"
        print(f"{reader.name}: {summary}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
