import json
import subprocess
import sys

import pytest
from checkout import REPOSITORY

from multiweight.base.paths import Dataset
from multiweight.records.catalog import Catalog

TOOL = REPOSITORY / "tools" / "make_prototxt.py"


def run(*arguments, cwd=None):
    return subprocess.run([sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


@pytest.fixture
def runs(tmp_path):
    dataset = Dataset("shop", tmp_path / "runs")
    dataset.data.mkdir(parents=True)
    Catalog.from_dict({"Colour": ["red", "blue"], "Coat": ["parka"]}).save(dataset.catalog)
    info = {"group_images": {"Colour": 8, "Coat": 2}, "size": 128, "counts": {"train": 8, "test": 4}, "labels": 3}
    dataset.info.write_text(json.dumps(info))
    return tmp_path / "runs"


def test_a_run_is_written_then_skipped(runs, tmp_path):
    arguments = ("--dataset", "shop", "--runs", "runs", "--scheme", "smoothed", "--c", "2", "--width", "0.5")
    first, second = run(*arguments, cwd=tmp_path), run(*arguments, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "smoothed-c2: written" in first.stdout and "smoothed-c2: skipped, already written:" in second.stdout
    assert (runs / "shop" / "smoothed-c2" / "solver.prototxt").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--scheme", "nope"), "weight scheme 'nope' is unknown"),
        (("--variant", "multi_weight", "--c", "2"), "the paper's"),
        (("--variant", "multi_task", "--crop", "300"), "crop 300"),
        ((), "--help lists all"),
    ],
)
def test_mistakes_are_one_line_without_traceback(runs, arguments, words):
    done = run("--dataset", "shop", "--runs", runs, *arguments)
    assert done.returncode == 2 and words in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
