"""caffe-torch and caffe, run side by side on the same files: their logs tell the same, to people and to log parsers."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import small_training
import unchecked
from test_snapshots import ours, theirs
from workshop import Workshop

SOLVER = (
    'base_lr: 0.1 lr_policy: "step" gamma: 0.5 stepsize: 4 momentum: 0.9 max_iter: 9 display: 3 test_iter: 3 '
    "test_iter: 2 test_interval: 4 test_compute_loss: true average_loss: 2 snapshot: 6 clip_gradients: 0.8 %s"
)
_PREFIX = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ")
#: Lines that come when a thread that reads data is late.
_READING = ("Waiting for data", "Restarting data prefetching from start.")
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def result_lines(log: str) -> list[str]:
    """The lines on the course of training and its results, without prefix and timings."""
    result = []
    for line in log.splitlines():
        match = _PREFIX.match(line)
        text = line[match.end() :] if match else ""
        text = re.sub(r"\([^ ]* iter/s, [^ ]*s/(\d+) iters\)", r"(\1 iters)", text)
        if re.match(
            r"Iteration|    T|Test|MultiStep|Snapshotting|Solving|Learning Rate|Optimiz|Starting|Batch|Loss|accuracy|"
            r"loss|Running|Gradient|    \[|Finetuning|Resuming|Use CPU|Solver scaff|Creating Layer|Setting up|Top sh|"
            r"Memory|\S+ <- |\S+ -> |.* backward comp|This network|Network init|    with",
            text,
        ):
            result.append(text)
    return result


def same(ours_: str, theirs_: str) -> None:
    """Equal line by line, numbers to 4 digits."""
    a, b = result_lines(ours_), result_lines(theirs_)
    assert [_NUMBER.sub("#", line) for line in a] == [_NUMBER.sub("#", line) for line in b]
    for x, y in zip(a, b):
        for m, n in zip(_NUMBER.findall(x), _NUMBER.findall(y)):
            assert float(m) == pytest.approx(float(n), rel=5e-4, abs=5e-6), f"ours: {x}\ntheirs: {y}"


@pytest.mark.parametrize("more", ["", "test_initialization: false snapshot_after_train: false", "iter_size: 2"])
def test_train(more: str) -> None:
    with Workshop() as shop:
        small_training.write(shop.path, SOLVER % more)
        flags = ("train", "--solver=solver.prototxt", "-weights", "first.caffemodel")
        there = theirs(shop, *flags)
        written = {path.name for path in shop.path.glob("s_iter_*")}
        for name in written:
            (shop.path / name).unlink()
        here = ours(shop.path, *flags)
        same(here, there)
        assert len(result_lines(here)) > 30
        assert {path.name for path in shop.path.glob("s_iter_*") if ".resume." not in path.name} == written


def test_debug_info() -> None:
    with Workshop() as shop:
        small_training.write(shop.path, 'base_lr: 0.1 lr_policy: "fixed" max_iter: 3 display: 2 debug_info: true')
        # gflags takes - for _ in a flag's name.
        flags = ("train", "--solver=solver.prototxt", "--weights=first.caffemodel", "-sigint-effect=none")
        there = theirs(shop, *flags)
        here = ours(shop.path, *flags)
        assert sum("[Backward]" in line for line in result_lines(here)) > 8
        same(here, there)


def test_test() -> None:
    with Workshop() as shop:
        small_training.write(shop.path)
        flags = ("test", "-model=net.prototxt", "-weights=first.caffemodel", "-iterations", "5")
        here = ours(shop.path, *flags)
        same(here, theirs(shop, *flags))
        assert sum("Batch 4" in line for line in result_lines(here)) == 2


def test_time() -> None:
    """The same lines, whatever the times."""
    with Workshop() as shop:
        small_training.write(shop.path)
        flags = ("time", "--model=net.prototxt", "--iterations=3", "--phase=TEST")
        logs = []
        for log in (ours(shop.path, *flags), theirs(shop, *flags)):
            lines = [_PREFIX.sub("", line) for line in log.splitlines() if _PREFIX.match(line)]
            begin = lines.index("Performing Forward")
            timings = [line for line in lines[begin:] if "Initial loss" not in line and line not in _READING]
            logs.append([_NUMBER.sub("#", line) for line in timings])
        assert logs[0] == logs[1]
        assert sum("\tforward: # ms." in line for line in logs[0]) == 9


def test_a_stage_of_the_command_line_reaches_the_rules() -> None:
    with Workshop() as shop:
        small_training.write(shop.path, 'base_lr: 0.1 lr_policy: "fixed" max_iter: 1')
        flags = ("train", "--solver=solver.prototxt", "--stage=never")
        with pytest.raises(AssertionError, match="fc_again"):
            ours(shop.path, *flags)
        assert "Unknown bottom blob 'fc_again'" in shop.run("env", "-C", str(shop.inside), "caffe", *flags, check=False)


def test_caffes_own_parser_reads_both_logs_alike(tmp_path: Path) -> None:
    tools = _parser(tmp_path)
    with Workshop() as shop:
        small_training.write(shop.path, SOLVER % "")
        flags = ("train", "--solver=solver.prototxt", "-weights", "first.caffemodel")
        tables = []
        for name, log in (("theirs", theirs(shop, *flags)), ("ours", ours(shop.path, *flags))):
            (tmp_path / name).write_text(log)
            done = subprocess.run(
                [sys.executable, "parse_log.py", str(tmp_path / name), str(tmp_path)],
                cwd=tools, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            tables.append([_rows(tmp_path / f"{name}.{kind}") for kind in ("train", "test")])
    for theirs_, ours_ in zip(*tables):
        assert len(ours_) == len(theirs_) > 1
        for a, b in zip(ours_, theirs_):
            assert list(a) == list(b) and "NumIters" in a
            for column in set(a) - {"Seconds"}:
                assert float(a[column]) == pytest.approx(float(b[column]), rel=5e-4, nan_ok=True)


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _parser(tmp_path: Path) -> Path:
    """A copy of the parser with its one Python 2 print made a call; Python 3 asks for no more."""
    source = Path(os.environ.get("MULTIWEIGHT_CAFFE_SOURCE", "")) / "tools/extra"
    if "MULTIWEIGHT_CAFFE_SOURCE" not in os.environ or not (source / "parse_log.py").exists():
        unchecked.skip("Caffe's log parser", "set MULTIWEIGHT_CAFFE_SOURCE to a checkout of BVLC Caffe's source")
    tools = tmp_path / "extra"
    tools.mkdir()
    for name in ("parse_log.py", "extract_seconds.py"):
        text = (source / name).read_text()
        (tools / name).write_text(re.sub(r"^(\s+)print ('.*)$", r"\1print(\2)", text, flags=re.MULTILINE))
    return tools
