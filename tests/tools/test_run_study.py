"""A whole study on a drawn shop, as a user runs it: it stops, goes on, and reports."""

import subprocess
import sys
from pathlib import Path

import pytest
from checkout import REPOSITORY

from multiweight.base.progress import quiet
from multiweight.pack import packing
from multiweight.records import records

sys.path.insert(0, str(REPOSITORY / "tests" / "multiweight"))
import small_shop  # noqa: E402

STUDY = """
dataset: shop
size: 80
net: {width: 0.05, batch_size: 4, mirror: false}
iterations: 4
points: 2
seeds: [1, 2]
search: {rates: [0.001], iterations: 2, extensions: 0}
experiments:
  - name: core
    methods: [multi_label, multi_weight]
  - name: pair
    rate: 0.001
    subset: {large: Color, small: Belt, ratio: 2, kind: dependent}
    methods: [{scheme: smoothed, c: 2}]
  - name: dials
    rate: 0.001
    shops: {wrong: [0.4], products: 24, size: 64}
    methods: [multi_task, multi_weight]
  - name: wild
    rate: 1.0e+30
    methods: [multi_weight]
"""


def tool(name, *arguments):
    command = [sys.executable, str(REPOSITORY / "tools" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("study")
    dataset = small_shop.split_shop(folder)
    packing.pack(small_shop.caffe(), dataset, packing.Settings(size=80), progress=quiet)
    (folder / "study").mkdir()
    (folder / "study" / "study.yaml").write_text(STUDY)
    return folder / "study", folder / "runs"


def test_the_core_runs_then_nothing_is_left_to_do(study):
    folder, runs = study
    first = tool("run_study.py", folder, "--runs", runs, "--only", "core", "--jobs", 2)
    assert first.returncode == 0, first.stderr
    assert len((folder / "results/trials.csv").read_text().splitlines()) == 1 + 3 + 2 + 4
    assert "packed shop-validation" in first.stdout and "mean mAP" in first.stdout
    again = tool("run_study.py", folder, "--runs", runs, "--only", "core")
    assert again.returncode == 0 and "mean mAP" not in again.stdout


def test_two_groups_and_a_run_that_diverges(study):
    folder, runs = study
    done = tool("run_study.py", folder, "--runs", runs, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    assert "multi_weight_1e30_4_1: diverged at iteration" in done.stdout
    listed = tool("run_study.py", folder, "--runs", runs, "--list").stdout
    assert "core: 0 iterations left" in listed and "diverged at" in listed and "to be run" not in listed


def test_a_drawn_shop_is_trained_on_noise_and_measured_on_the_truth(study):
    _, runs = study
    own = runs / "shop-shop-products24-wrong0.4-size64"
    truth = {record.image: record.labels for record in records.read(own / "shop/truth.csv")}
    packed = {part: records.read_packed(own / f"data/{part}_packed.csv") for part in ("train", "test")}
    assert all(record.labels == truth[record.image] for _, record in packed["test"])
    noisy = sum(record.labels != truth[record.image] for _, record in packed["train"])
    assert noisy > len(packed["train"]) / 2


def test_the_report(study):
    folder, _ = study
    done = tool("report_study.py", folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "report.md").read_text()
    assert "## dials" in text and "(dials_gains.png)" in text
    assert "## pair" in text and "smoothed-c2" in text and "diverged with seed 1 at iteration" in text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--only", "cores"), "experiment 'cores' is unknown: it has core, pair, dials, dials-wrong0.4, wild"),
        (("--trial", "x"), "no trial 'x'"),
        (("--jobs", "0"), "--jobs 0"),
    ],
)
def test_mistakes_are_one_line(study, arguments, words):
    done = tool("run_study.py", study[0], "--runs", study[1], *arguments)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_data_of_another_size_is_refused(study, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY.replace("size: 80", "size: 64"))
    done = tool("run_study.py", tmp_path, "--runs", study[1])
    assert done.returncode == 2 and "packed at 80 pixels, the study wants 64" in done.stderr
    (tmp_path / "study.yaml").write_text(STUDY.replace("small: Belt", "small: Spats"))
    done = tool("run_study.py", tmp_path, "--runs", study[1])
    assert done.returncode == 2 and "group 'Spats' is unknown: shop has Color" in done.stderr
