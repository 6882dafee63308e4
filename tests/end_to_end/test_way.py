"""The whole way in small, through the tools as a user runs them: photos, LMDB, nets, training, fc7, mAP@50, report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("multi_label", "multi_task", "multi_weight", "multi_weight_third")


def tool(name, *args, status=0, path=""):
    command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), *map(str, args)]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == status, f"{name}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    where = ("--dataset", "tiny", "--runs", runs)
    tool("make_sample_shop", runs / "shop", "--products", 60)
    tool("import_dataset", runs / "shop", *where)
    tool("split", *where)
    tool("build_lmdb", *where, "--size", 72)
    tool("verify_lmdb", *where)
    net = ("--crop", 67, "--width", "0.0625", "--batch-size", 8, "--iterations", 12)
    for variant in METHODS:
        tool("make_prototxt", *where, "--variant", variant, *net)
    tool("train", *where, *(f"--variant={v}" for v in METHODS), "--gpu", "none")
    tool("extract_features", *where, "--all", "--untrained", "--gpu", "none")
    tool("evaluate", *where, "--all", "--random")
    tool("report", *where)
    return runs


def test_every_method_is_scored_beside_the_untrained_net_and_chance(runs):
    for variant in (*METHODS, "untrained", "random"):
        result = json.loads((runs / "tiny" / variant / "evaluation.json").read_text())
        assert 0 < result["mean_map"] < 1
    report = (runs / "tiny/report/report.md").read_text()
    assert all(word in report for word in ("| Color |", "untrained", "random", "multi-weight 1/3"))
    assert (runs / "tiny/report/histogram.png").read_bytes()[:4] == b"\x89PNG"
    page = (runs / "tiny/report/report.html").read_text()
    assert "gallery-data" in page and page.count("data:image/jpeg;base64,") > 20


def test_a_finished_step_is_skipped_and_says_so(runs):
    where = ("--dataset", "tiny", "--runs", runs)
    assert "skipped" in tool("train", *where, "--variant", "multi_label", "--gpu", "none")
    assert "skipped" in tool("extract_features", *where, "--untrained", "--gpu", "none")


def test_a_users_mistake_is_one_line_without_a_traceback(runs):
    where = ("--dataset", "tiny", "--runs", runs)
    for name, args in {
        "train": (*where, "--variant", "nonesuch"),
        "make_prototxt": (*where, "--scheme", "nonesuch"),
        "extract_features": ("--dataset", "absent", "--runs", runs, "--variant", "multi_label"),
    }.items():
        output = tool(name, *args, status=2)
        assert "error: " in output and "Traceback" not in output


def test_a_scheme_of_the_users_goes_the_whole_way(runs, tmp_path):
    """The three lines that the guide shows, and a scheme of the project that learns."""
    readme = (ROOT / "docs" / "GUIDE.md").read_text(encoding="utf-8")
    lines = readme.partition("    # my_scheme.py\n")[2].partition("\n\n")[0].splitlines()
    (tmp_path / "my_scheme.py").write_text("\n".join(line[4:] for line in lines) + "\n")
    where = ("--dataset", "tiny", "--runs", runs)
    net = ("--crop", 67, "--width", "0.0625", "--batch-size", 8, "--iterations", 4)
    tool("make_prototxt", *where, "--scheme", "my_scheme:softened", *net, path=tmp_path)
    tool("make_prototxt", *where, "--scheme", "uncertainty", "--objective", "focal", *net)
    names = ("softened", "uncertainty-focal")
    tool("train", *where, *(f"--variant={name}" for name in names), "--gpu", "none")
    for name in names:
        tool("extract_features", *where, "--variant", name, "--gpu", "none")
        tool("evaluate", *where, "--variant", name)
    tool("report", *where)
    report = (runs / "tiny/report/report.md").read_text()
    assert all(f"| {name} |" in report for name in ("softened", "uncertainty-focal"))
    gamma = json.loads((runs / "tiny/softened/settings.json").read_text())["gamma"]
    paper = json.loads((runs / "tiny/multi_weight/settings.json").read_text())["gamma"]
    assert gamma == pytest.approx({group: value**0.5 for group, value in paper.items()}) and gamma["Brooch"] < 0.5
