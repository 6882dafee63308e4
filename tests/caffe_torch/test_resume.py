"""Killed by kill -9 at any point and resumed from the last snapshot, a training ends with the very same weights."""

import json
import random
import re
import time

import pytest
from commands import Command, write

from caffe_torch import wire

LAST = 40


def last_snapshot(folder):
    """The iteration of the last .solverstate; every one that is there is whole, with all that belongs to it."""
    iterations = [int(re.search(r"_(\d+)\.solverstate$", path.name)[1]) for path in folder.glob("s_iter_*.solverstate")]
    for iteration in iterations:
        base = folder / f"s_iter_{iteration}"
        state, history = wire.read_state(f"{base}.solverstate")
        assert state.iter == iteration and len(history) == len(wire_arrays(base))
        assert json.loads((folder / f"s_iter_{iteration}.resume.0.json").read_text())["iter"] == iteration
    return max(iterations, default=0)


def wire_arrays(base):
    return [array for arrays in wire.read_net(f"{base}.caffemodel").values() for array in arrays]


def resumed(folder):
    last = last_snapshot(folder)
    return ("--snapshot", f"s_iter_{last}.solverstate") if last else ()


@pytest.mark.parametrize("every", [1, 7])
def test_killed_at_random_points(tmp_path, every):
    settings = f"max_iter: {LAST} snapshot: {every} display: 1"
    whole = write(tmp_path / "whole", settings)
    Command(whole, "train", "--solver=solver.prototxt").end()
    killed = write(tmp_path / "killed", settings)
    draw = random.Random(every)
    for stop in sorted(draw.sample(range(2, LAST), 3)):
        command = Command(killed, "train", "--solver=solver.prototxt", *resumed(killed))
        command.wait_for(f"Iteration {max(stop, last_snapshot(killed))} ")
        time.sleep(draw.random() * 0.02)
        command.kill()
    assert last_snapshot(killed) > 0
    Command(killed, "train", "--solver=solver.prototxt", *resumed(killed)).end()
    for name in (f"s_iter_{LAST}.caffemodel", f"s_iter_{LAST}.solverstate", f"s_iter_{LAST}.resume.0.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    assert not list(killed.glob(".*.partial")) or every > 1  # what a killed process left is tidied up by the next


def test_without_its_file_a_resume_is_caffes(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 8 snapshot: 4")
    Command(folder, "train", "--solver=solver.prototxt").end()
    straight = (folder / "s_iter_8.caffemodel").read_bytes()
    (folder / "s_iter_4.resume.0.json").unlink()
    said = Command(folder, "train", "--solver=solver.prototxt", "-snapshot=s_iter_4.solverstate").end()
    assert "s_iter_4.resume.0.json: is not there: the data begins at its first record" in said
    assert (folder / "s_iter_8.caffemodel").read_bytes() != straight


def test_a_damaged_file_is_one_clear_error(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 2 snapshot: 2")
    Command(folder, "train", "--solver=solver.prototxt").end()
    whole = (folder / "s_iter_2.resume.0.json").read_text()
    (folder / "s_iter_2.resume.0.json").write_text(whole[: len(whole) // 2])
    said = Command(folder, "train", "--solver=solver.prototxt", "-snapshot=s_iter_2.solverstate").end(1)
    assert "error: s_iter_2.resume.0.json: is damaged" in said and "Traceback" not in said


def test_two_processes(tmp_path):
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "caffe_torch")
    settings = "max_iter: 12 snapshot: 4 display: 1"
    whole = write(tmp_path / "whole", settings)
    Command(whole, "train", "--solver=solver.prototxt", launch=launch).end()
    killed = write(tmp_path / "killed", settings)
    command = Command(killed, "train", "--solver=solver.prototxt", launch=launch)
    command.wait_for("Iteration 9 ")
    command.kill()
    assert last_snapshot(killed) in (4, 8)
    Command(killed, "train", "--solver=solver.prototxt", *resumed(killed), launch=launch).end()
    for name in ("s_iter_12.caffemodel", "s_iter_12.resume.0.json", "s_iter_12.resume.1.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
