"""Killed by kill -9 at any point and resumed from the last snapshot, a training ends with the very same weights."""

import json
import random
import re
import sys
import time

import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.files import wire
from commands import Command, write

LAST = 40


def last_snapshot(folder):
    """The iteration of the last .solverstate; every one that is there is whole, with all that belongs to it."""
    iterations = [int(re.search(r"_(\d+)\.solverstate$", path.name)[1]) for path in folder.glob("s_iter_*.solverstate")]
    for iteration in iterations:
        base = folder / f"s_iter_{iteration}"
        state = wire.read_state(f"{base}.solverstate")
        assert state.iteration == iteration and len(state.history) == len(wire_arrays(base))
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
    uninterrupted = write(tmp_path / "whole", settings)
    Command(uninterrupted, "train", "--solver=solver.prototxt").end()
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
        assert (killed / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    assert not list(killed.glob(".*.partial")) or every > 1  # what a killed process left is tidied up by the next


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder of a training, to run in this process."""
    folder = write(tmp_path / "t", "max_iter: 8 snapshot: 4")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def resume(state="s_iter_4.solverstate"):
    solver = caffe.get_solver("solver.prototxt")
    solver.restore(state)
    solver.step(4)
    return [p.data.copy() for blobs in solver.net.params.values() for p in blobs]


def test_without_its_file_a_resume_is_caffes(here, capsys):
    solver = caffe.get_solver("solver.prototxt")
    solver.step(8)
    straight = [p.data.copy() for blobs in solver.net.params.values() for p in blobs]
    assert all((a == b).all() for a, b in zip(resume(), straight))
    (here / "s_iter_4.resume.0.json").unlink()
    assert not all((a == b).all() for a, b in zip(resume(), straight))
    assert "s_iter_4.resume.0.json: is not there: the data begins at its first record" in capsys.readouterr().err


def test_a_file_that_does_not_belong_is_said_and_left_alone(here, capsys):
    solver = caffe.get_solver("solver.prototxt")
    solver.step(4)
    content = json.loads((here / "s_iter_4.resume.0.json").read_text())
    for field, value, words in (
        ("weights_crc32", 1, "belongs to other weights"),
        ("iter", 5, "belongs to iteration 5"),
        ("processes", 2, "was written by 2 processes"),
        ("format", 9, "has format 9"),
        ("nets", [[["other", {}]]], "nets of other layers"),
    ):
        (here / "s_iter_4.resume.0.json").write_text(json.dumps({**content, field: value}))
        resume()
        assert words in capsys.readouterr().err


def test_a_file_without_pythons_stream_still_resumes(here, capsys):
    caffe.get_solver("solver.prototxt").step(4)
    path = here / "s_iter_4.resume.0.json"
    content = json.loads(path.read_text())
    del content["random"]["python"]
    path.write_text(json.dumps(content))
    resume()
    assert "as in Caffe" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "state, message",
    [
        ("[1]", r"layer 'fromnumpy' \(Python\): its state_dict\(\) must return a dict"),
        ("{'layer': self}", "the state of a Python layer must be JSON values"),
    ],
)
def test_a_python_layers_state_that_no_file_can_hold_is_refused(here, state, message):
    text = (here / "drawing_layer.py").read_text().replace("return {", f"return {state} or {{")
    sys.modules.pop("strange_layer", None)
    (here / "strange_layer.py").write_text(text)
    net = (here / "net.prototxt").read_text().replace("drawing_layer", "strange_layer")
    (here / "net.prototxt").write_text(net)
    with pytest.raises(CaffeError, match=message):
        caffe.get_solver("solver.prototxt").step(4)


@pytest.mark.parametrize("change", [lambda text: text[: len(text) // 2], lambda text: "[]", lambda text: "{}"])
def test_a_damaged_file_is_one_clear_error(here, change):
    caffe.get_solver("solver.prototxt").step(4)
    path = here / "s_iter_4.resume.0.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(CaffeError, match="s_iter_4.resume.0.json: is damaged"):
        resume()


def test_hdf5_snapshots_resume_without_loss_too(here):
    text = (here / "solver.prototxt").read_text() + " snapshot_format: HDF5"
    (here / "solver.prototxt").write_text(text)
    solver = caffe.get_solver("solver.prototxt")
    solver.step(8)
    straight = [p.data.copy() for blobs in solver.net.params.values() for p in blobs]
    assert all((a == b).all() for a, b in zip(resume("s_iter_4.solverstate.h5"), straight))


def test_two_processes(tmp_path):
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "caffe_torch")
    # No last iteration yet: on a busy machine the kill may come many iterations after the line that it waits for.
    endless = "max_iter: 1000000 snapshot: 4 display: 1"
    killed = write(tmp_path / "killed", endless)
    command = Command(killed, "train", "--solver=solver.prototxt", launch=launch)
    command.wait_for("Iteration 9 ")
    command.kill()
    assert last_snapshot(killed) >= 8
    last = last_snapshot(killed) + 4
    uninterrupted = write(tmp_path / "whole", endless)
    for folder in (killed, uninterrupted):
        solver = (folder / "solver.prototxt").read_text()
        (folder / "solver.prototxt").write_text(solver.replace("max_iter: 1000000", f"max_iter: {last}"))
    Command(uninterrupted, "train", "--solver=solver.prototxt", launch=launch).end()
    Command(killed, "train", "--solver=solver.prototxt", *resumed(killed), launch=launch).end()
    for name in (f"s_iter_{last}.caffemodel", f"s_iter_{last}.resume.0.json", f"s_iter_{last}.resume.1.json"):
        assert (killed / name).read_bytes() == (uninterrupted / name).read_bytes(), name
