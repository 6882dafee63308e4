"""Stops `make train-multiweight` on a drawn shop at random moments, by every signal, until it has been trained.

    python stop_training.py FOLDER [--stops 20] [--seed 1]

kill -9, Ctrl-C (SIGINT) and SIGTERM come in turn, each after a random time of the command; one to three stop a training
that is then let end. Prints a JSON object: what each stop met, and for each training what differs from one that was
never stopped (weights, solver state, log.csv without seconds, train.json without times, the files that lie there).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
ITERATIONS = 120
SETTINGS = [
    "SIZE=72", "WIDTH=0.0625", "BATCH=8", f"ITERATIONS={ITERATIONS}", "PRODUCTS=60", "GPU=none", "READY=",
    "NET=--crop 67 --snapshot 25 --display 4 --test-interval 9 --test-iter 2 --test-batch-size 10",
]  # fmt: skip
#: The signal, and whether it goes to the command alone or to all its processes, as a terminal's and `timeout`'s do.
STOPS = [(signal.SIGKILL, True), (signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGTERM, True)]
TIMES = ("seconds", "images_per_second", "finished")


class Command:
    """A make command, in a session of its own as in a terminal of its own."""

    def __init__(self, target: str, folder: Path):
        command = ["make", "--no-print-directory", target, f"RUNS={folder}", f"PY={sys.executable}", *SETTINGS]
        self.said = open(folder / "said", "w+")  # noqa: SIM115 (closed by end)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "ENGINE": "torch"}
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=self.said, stderr=self.said, start_new_session=True,
            # What is started in a shell's background ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
        )  # fmt: skip

    def send(self, number: int, to_all: bool) -> None:
        try:
            (os.killpg if to_all else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            pass

    def end(self) -> tuple[int, str]:
        """Its status, and what it said."""
        status = self.process.wait(timeout=600)
        while _alive(self.process.pid):  # make may be gone before what it started
            time.sleep(0.05)
        self.said.seek(0)
        with self.said:
            return status, self.said.read()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def train_to_the_end(target: str, folder: Path) -> float:
    """Run a command to its end; the seconds it took."""
    command = Command(target, folder)
    status, output = command.end()
    if status:
        raise SystemExit(f"make {target}: status {status}\n{output}")
    return time.monotonic() - command.begun


def outcome(run: Path) -> dict[str, Any]:
    """What a training leaves, without what depends on the clock."""
    with open(run / "log.csv", newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    record = json.loads((run / "train.json").read_text())
    last = run / "snapshots" / f"multi_weight_iter_{ITERATIONS}"
    return {
        "weights": Path(f"{last}.caffemodel").read_bytes(),
        "state": Path(f"{last}.solverstate").read_bytes(),
        "log.csv": rows,
        "train.json": {name: value for name, value in record.items() if name not in TIMES},
        "files": sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()),
    }


def snapshots(run: Path) -> int:
    """The iteration of the last snapshot, 0 where there is none."""
    result = [int(path.stem.rpartition("_")[2]) for path in (run / "snapshots").glob("*.solverstate")]
    return max(result, default=0)


def stopped(folder: Path, run: Path, generator: random.Random, stop: int, times: tuple[float, float]) -> dict[str, Any]:
    """Start the command, stop it at a random moment, and tell what that met.

    ``times`` are the seconds of the command before it trains, and of the training: one stop in four comes before it.
    """
    number, to_all = STOPS[stop % len(STOPS)]
    before = snapshots(run)
    early = generator.random() < 0.25
    moment = generator.uniform(0, times[0] if early else times[1] * (1 - before / ITERATIONS))
    command = Command("train-multiweight", folder)
    while not early and command.process.poll() is None and "it/s" not in (folder / "said").read_text():
        time.sleep(0.02)
    try:
        command.process.wait(moment)
    except subprocess.TimeoutExpired:
        pass
    ended = command.process.poll() is not None
    training = "it/s" in (folder / "said").read_text()
    command.send(number, to_all)
    status, output = command.end()
    saved = re.search(r"saved at iteration (\d+): the same command goes on", output)
    return {
        "signal": signal.Signals(number).name, "to": "all" if to_all else "make", "after": round(moment, 2),
        "ended_before": ended or status == 0, "training": training, "status": status,
        "from": before, "to_iteration": snapshots(run), "saved": int(saved[1]) if saved else None,
        "traceback": "Traceback" in output,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / "sample-shop" / "multi_weight"
    for target in ("shop", "lmdb"):
        train_to_the_end(target, folder)
    shutil.rmtree(run, ignore_errors=True)
    total = train_to_the_end("train-multiweight", folder)
    seconds = json.loads((run / "train.json").read_text())["seconds"]
    expected = outcome(run)
    generator = random.Random(args.seed)
    stops: list[dict[str, Any]] = []
    different: list[list[str]] = []
    while sum(not stop["ended_before"] for stop in stops) < args.stops:
        shutil.rmtree(run)
        for _ in range(generator.randint(1, 3)):
            met = stopped(folder, run, generator, len(stops), (total - seconds, seconds))
            stops.append(met)
            print(json.dumps(met), file=sys.stderr, flush=True)
        train_to_the_end("train-multiweight", folder)
        result = outcome(run)
        different.append([name for name, value in expected.items() if result[name] != value])
    print(
        json.dumps({"seconds": [round(total - seconds, 1), round(seconds, 1)], "stops": stops, "different": different})
    )


if __name__ == "__main__":
    main()
