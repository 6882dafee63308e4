"""Training a run: log, snapshots, skipping, resume, divergence."""

import os
import re
import shutil

import lmdb_run
import pytest
import unchecked
from google.protobuf import text_format
from lmdb_run import rows

import caffe_torch as caffe
from multiweight.base import done, engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.train import training

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "t"
  dummy_data_param { shape { dim: 2 dim: 1 } data_filler { value: 1 } data_filler { value: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  inner_product_param { num_output: 1 weight_filler { value: 1 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss_a" loss_weight: 0.5 }"""


def make(tmp_path, base_lr=0.1, max_iter=6):
    run = Dataset("d", tmp_path).run("multi_task")
    run.root.mkdir(parents=True, exist_ok=True)
    run.train_val.write_text(NET)
    param = engine.schema(caffe).SolverParameter(
        net=str(run.train_val), base_lr=base_lr, lr_policy="fixed", max_iter=max_iter, snapshot=2, display=2,
        momentum=0.9,
        snapshot_prefix=str(run.snapshot_prefix), test_iter=[1], test_interval=3, type="SGD",
    )  # fmt: skip
    run.solver.write_text(text_format.MessageToString(param))
    return run


def test_log_snapshots_and_result(tmp_path):
    run = make(tmp_path)
    assert training.train(caffe, run)
    train = [r for r in rows(run) if r["phase"] == "train"]
    assert [int(r["iteration"]) for r in train] == [2, 4, 6]
    assert [int(r["iteration"]) for r in rows(run) if r["phase"] == "test"] == [0, 3, 6]
    assert rows(run)[0]["loss"] == "1" and rows(run)[0]["loss_a"] == "2"  # (1-3)^2/2 and half of it
    assert run.last_snapshot() == 6 and run.snapshot(2).exists()
    assert done.read(run.training)["iterations"] == 6
    assert not training.train(caffe, run), "a finished run is skipped"


def test_a_run_goes_on_from_its_last_snapshot_to_the_same_end(tmp_path):
    uninterrupted = make(tmp_path / "a")
    training.train(caffe, uninterrupted)
    first = make(tmp_path / "b", max_iter=4)
    training.train(caffe, first)
    again = make(tmp_path / "b", max_iter=6)
    assert training.train(caffe, again)
    assert again.snapshot(6).read_bytes() == uninterrupted.snapshot(6).read_bytes()
    assert [(r["phase"], r["loss"]) for r in rows(again)] == [(r["phase"], r["loss"]) for r in rows(uninterrupted)]


def test_a_solver_without_a_first_test_has_none_and_resumes_at_the_right_test_image(tmp_path):
    def untested(folder):
        run = lmdb_run.make(folder, 8)
        run.solver.write_text(run.solver.read_text() + "test_initialization: false")
        return run

    uninterrupted, stopped = untested(tmp_path / "a"), untested(tmp_path / "b")
    training.train(caffe, uninterrupted)
    tests = [row for row in rows(uninterrupted) if row["phase"] == "test"]
    assert [int(row["iteration"]) for row in tests] == [3, 6, 8]
    # Five test images of 1 to 5, two batches of two a test: the losses tell which were read.
    stopped.solver.write_text(stopped.solver.read_text().replace("max_iter: 8", "max_iter: 4"))
    training.train(caffe, stopped)
    stopped.solver.write_text(stopped.solver.read_text().replace("max_iter: 4", "max_iter: 8"))
    training.train(caffe, stopped)
    again = [row["loss"] for row in rows(stopped) if row["phase"] == "test" and int(row["iteration"]) >= 6]
    assert again == [row["loss"] for row in tests if int(row["iteration"]) >= 6]


def test_a_run_goes_on_where_its_folder_lies_elsewhere(tmp_path):
    # As in a container, which sees the same folder under another path.
    run = make(tmp_path / "host" / "runs", max_iter=4)
    training.train(caffe, run)
    state = engine.schema(caffe).SolverState.FromString(run.snapshot(4, "solverstate").read_bytes())
    assert state.learned_net == "snapshots/multi_task_iter_4.caffemodel" and state.iter == 4 and len(state.history) == 2
    (tmp_path / "host").rename(tmp_path / "container")
    again = make(tmp_path / "container" / "runs")
    assert training.train(caffe, again) and again.last_snapshot() == 6


def test_a_training_leaves_the_current_folder_alone_and_finds_data_beside_the_run(tmp_path, monkeypatch):
    run = lmdb_run.make(tmp_path / "runs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    relative = Dataset("d", "../runs").run("multi_task")
    assert training.train(caffe, relative) and relative.last_snapshot() == 6
    assert os.getcwd() == str(tmp_path / "elsewhere") and not os.listdir(".")
    # The folder's own solver is what Caffe's command takes, started in it.
    monkeypatch.chdir(run.root)
    shutil.rmtree("snapshots")
    solver = caffe.get_solver("solver.prototxt")
    solver.step(2)
    assert os.listdir("snapshots")


def test_data_that_is_not_there_is_said_before_the_engine_looks(tmp_path):
    run = lmdb_run.make(tmp_path)
    shutil.rmtree(run.dataset.images("train"))
    with pytest.raises(UserError, match=r"layer 'data' reads '../data/train_images_lmdb', and .*: pack the data"):
        training.train(caffe, run)


@pytest.mark.parametrize(
    "text, message",
    [("nett: 'a'", "line 1: "), ("base_lr: 0.1\nmax_iter: many", "line 2: "), ("net {", "solver.prototxt: ")],
)
def test_a_slip_in_the_solver_is_one_line_that_names_it(tmp_path, text, message):
    run = make(tmp_path)
    run.solver.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        training.train(caffe, run)
    assert "\n" not in str(caught.value) and "solver.prototxt" in str(caught.value)


def test_divergence_stops_names_the_iteration_and_keeps_the_snapshots(tmp_path):
    run = make(tmp_path, base_lr=1e12, max_iter=50)
    with pytest.raises(UserError, match=r"iteration \d+: the loss is (inf|nan).*base_lr below 1e\+12"):
        training.train(caffe, run)
    assert not run.training.exists()
    last = run.last_snapshot()
    if last is not None:
        caffe.Net(str(run.train_val), str(run.snapshot(last)), caffe.TEST)


def test_a_run_without_nets_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="write the nets first"):
        training.train(caffe, Dataset("d", tmp_path).run("multi_task"))


LABELLED = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 2 dim: 1 } data_filler { value: 1 } data_filler { value: 3 } } }
layer { name: "fc7" type: "InnerProduct" bottom: "data" top: "fc7"
  inner_product_param { num_output: 1 weight_filler { value: 1 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc7" bottom: "label" top: "loss_a" }"""


def test_each_test_is_scored_on_the_features_and_labels_of_its_images(tmp_path):
    run = make(tmp_path)
    run.train_val.write_text(LABELLED)
    run.settings.write_text('{"retrieval_blob": "fc7"}')
    calls = []

    def score(features, labels):
        calls.append((features.shape, labels.tolist()))
        return None if len(calls) == 2 else features[0, 0] / 4

    training.train(caffe, run, score=score)
    # Of the initial weight 1 and the input 1 the feature is 1.
    assert [r["map"] for r in rows(run) if r["phase"] == "test"][:2] == ["0.25", ""]
    assert all(r["map"] == "" for r in rows(run) if r["phase"] == "train")
    assert calls == [((2, 1), [[3.0], [3.0]])] * 3


def test_tensorboards_event_files_hold_the_log(tmp_path):
    accumulator = unchecked.package(
        "tensorboard.backend.event_processing.event_accumulator", "TensorBoard's event files"
    )
    training.train(caffe, make(tmp_path, max_iter=4), events=True)
    run = make(tmp_path, max_iter=6)
    training.train(caffe, run, events=True)
    result = accumulator.EventAccumulator(str(run.root / "tensorboard"))
    result.Reload()
    names = {"train/loss", "train/loss_a", "train/lr", "train/images_per_second", "test/loss"}
    assert names <= set(result.Tags()["scalars"])
    for phase in ("train", "test"):
        points = [(e.step, e.value) for e in result.Scalars(f"{phase}/loss")]
        logged = [(int(r["iteration"]), float(r["loss"])) for r in rows(run) if r["phase"] == phase]
        assert [step for step, _ in points if phase == "train"] == [step for step, _ in logged if phase == "train"]
        known = dict(points)
        for step, value in logged:
            assert known[step] == pytest.approx(value, rel=1e-4)


def test_the_bar_says_loss_rate_and_images_a_second(tmp_path, capsys):
    training.train(caffe, make(tmp_path), show=True)
    line = capsys.readouterr().err
    assert re.search(r"6/6 .*loss [0-9.e-]+, rate 0\.1, [0-9]+ images/s", line), line
