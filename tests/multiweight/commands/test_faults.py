"""What the system refuses, and what lies damaged or is missing: one line that says which file, and what to do."""

import json
import os
import subprocess
import sys

import cv2
import lmdb
import numpy as np
import pytest

from multiweight.base import done, errors, processes
from multiweight.base.errors import UserError, run_tool
from multiweight.base.paths import Dataset
from multiweight.datasets import importing
from multiweight.features import feature_net
from multiweight.paper import methods
from multiweight.records.catalog import Catalog


def ended(capsys, action):
    with pytest.raises(SystemExit) as caught:
        run_tool(action)
    return caught.value.code, capsys.readouterr().err


def full_disk():
    with open("/dev/full", "w") as file:
        file.write("x" * 100_000)


def no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "file" / "run").mkdir()


def denied():
    raise PermissionError(13, "Permission denied", "/runs/shop/log.csv")


def no_database(tmp_path):
    lmdb.open(str(tmp_path / "nothing"), create=False)


@pytest.mark.parametrize(
    "action, words",
    [
        (lambda path: full_disk(), ["No space left on device", "make room"]),
        (no_folder, ["file/run: Not a directory"]),
        (lambda path: denied(), ["/runs/shop/log.csv: Permission denied", "RUNS="]),
        (no_database, ["nothing"]),
        (lambda path: bytearray(1 << 62), ["not enough memory"]),
    ],
)
def test_what_the_system_refuses_is_one_line(capsys, tmp_path, action, words):
    status, output = ended(capsys, lambda: action(tmp_path))
    assert status == 2 and output.startswith("error: ") and output.count("\n") == 1
    assert all(word in output for word in words)


def test_a_package_that_is_not_installed_is_told_with_its_extra(capsys):
    def needs(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    status, output = ended(capsys, lambda: needs("matplotlib.pyplot"))
    assert (status, output) == (2, "error: this needs matplotlib.pyplot: pip install 'multiweight[report]'\n")
    with pytest.raises(ModuleNotFoundError):
        run_tool(lambda: needs("multiweight.absent"))


def test_a_defect_keeps_its_traceback():
    def defect():
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_tool(defect)


def test_a_step_on_a_path_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    command = processes.step("make-sample-shop", str(tmp_path / "file" / "shop"), "--products", "12")
    done_ = subprocess.run(command, env=processes.environment(), capture_output=True, text=True)
    assert done_.returncode == 2 and done_.stderr.splitlines()[-1].startswith("error: ") and "Trace" not in done_.stderr


@pytest.mark.parametrize("words", [["--help"], ["evaluate", "--help"]])
def test_output_that_nobody_reads_is_no_error(words):
    """As in `multiweight --help | head -1`."""
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with subprocess.Popen([sys.executable, "-m", "multiweight", *words], env=processes.environment(), **pipes) as step:
        assert step.stdout.readline().startswith("usage")
        step.stdout.close()
        assert "Traceback" not in step.stderr.read()


def test_two_names_of_a_file_are_both_told():
    message = errors.refused(OSError(28, "No space left on device", "a.partial", None, "a"))
    assert message.startswith("a.partial -> a: No space left on device: make room")


@pytest.mark.parametrize("name, step", [("dataset.json", "make lmdb"), ("import.json", "make records")])
def test_a_file_that_is_not_there_names_the_step_that_writes_it(tmp_path, name, step):
    with pytest.raises(UserError, match=f"{name}: no such file: run {step} first"):
        done.read(tmp_path / name)
    with pytest.raises(UserError, match=f"{name}: no such file: run {step} first"):
        done.sha256(tmp_path / name)


def test_a_catalog_that_is_not_there_is_for_the_import(tmp_path):
    with pytest.raises(UserError, match=r"catalog\.yaml: no such file: run make records first"):
        Catalog.load(tmp_path / "catalog.yaml")


@pytest.mark.parametrize("text", ["{}", '{"settings": {}}', '{"settings": [1]}', '{"settings": {"a": 1}}'])
def test_a_damaged_mark_is_one_line_at_whatever_key_is_read(tmp_path, text):
    mark = tmp_path / "train.json"
    mark.write_text(text)
    with pytest.raises(UserError, match=r"train\.json: .*(damaged|made with)"):
        result = done.finished(mark, {"a": 1})
        assert result is not None
        result["iterations"]


def test_a_run_that_is_not_there_names_those_that_are(tmp_path):
    dataset = Dataset("shop", tmp_path)
    for name in ("multi_label", "softened"):
        dataset.run(name).root.mkdir(parents=True)
        dataset.run(name).settings.write_text("{}")
    with pytest.raises(UserError, match="write the nets first.*; the runs there are multi_label, softened"):
        feature_net.net_of(dataset.run("multiwait"))


@pytest.mark.parametrize("written", ["multiweight-third", "multi_weight_third", "MultiWeightThird"])
def test_a_method_may_be_spelled_as_its_target(written):
    assert methods.spelled(written) == "multi_weight_third"
    assert methods.spelled("smoothed-c2") == "smoothed-c2"


def test_the_run_that_is_meant_where_none_is_named():
    assert methods.preferred(["softened", "multi_task", "untrained", "multi_label"]) == "multi_task"
    assert methods.preferred(["untrained", "softened"]) == "softened"
    assert methods.preferred(["random", "untrained"]) is None


def test_a_checkout_that_was_moved_goes_on(tmp_path):
    before = tmp_path / "before" / "shop"
    before.mkdir(parents=True)
    (before / "shop.csv").write_text("image,product,Colour\na.jpg,p1,red\nb.jpg,p2,red\nc.jpg,p3,blue\nd.jpg,p4,blue\n")
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg"):
        cv2.imwrite(str(before / name), np.full((8, 8, 3), 90, np.uint8))
    dataset = Dataset("shop", tmp_path / "before" / "runs")
    assert importing.import_dataset(dataset, before)[1]
    os.rename(tmp_path / "before", tmp_path / "after")
    moved = Dataset("shop", tmp_path / "after" / "runs")
    result, worked = importing.import_dataset(moved, tmp_path / "after" / "shop")
    assert not worked and result["settings"]["folder"] == str(tmp_path / "after" / "shop")
    assert json.loads((moved.import_mark).read_text())["images"] == result["images"]
