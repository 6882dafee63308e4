"""CONTRIBUTING.md: its examples, written into a copy of the sources, pass their own tests and the general ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from checkout import REPOSITORY

BLOCKS = re.findall(
    r"^```(python|diff)\n# (\S+?)(: at the end)?\n(.*?)^```$",
    (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def write_blocks(root: Path) -> list[str]:
    """Write every block of the page into the copy; the files of tests."""
    tests = []
    for kind, name, at_end, text in BLOCKS:
        path = root / name
        if kind == "diff":
            before = "".join(line[1:] + "\n" for line in text.splitlines() if line[0] in " -")
            after = "".join(line[1:] + "\n" for line in text.splitlines() if line[0] in " +")
            content = path.read_text(encoding="utf-8")
            assert content.count(before) == 1, f"{name} does not hold, once, the lines that the page shows: {before!r}"
            path.write_text(content.replace(before, after), encoding="utf-8")
        elif at_end:
            path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        else:
            assert not path.exists(), f"{name} is there already: the page's example needs another name"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if path.name.startswith("test_"):
            tests.append(name)
    return tests


def test_the_examples_pass_their_tests(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("python", "tools"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    shutil.copytree(REPOSITORY / "tests" / "parity", tmp_path / "tests" / "parity", ignore=ignored)
    (tmp_path / "data").mkdir()
    for name in ("pyproject.toml", "Makefile", "data/README.md"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    tests = write_blocks(tmp_path)
    assert len(tests) == 5, "two schemes, a layer, a dataset, a step"
    for path in (REPOSITORY / "tests").glob("*.py"):
        shutil.copy(path, tmp_path / "tests" / path.name)
    # Without BVLC Caffe the layer's parity case is skipped, as in the repository.
    parity = [f"tests/parity/test_layers.py::{name}" for name in (
        "test_every_registered_layer_type_has_a_case", "test_case_names_are_unique", "test_layer[power_of_two_thirds]",
    )]  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "tests/test_rooms.py", *parity]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "python"), "ENGINE": "torch"}
    installed = REPOSITORY / "build" / "original-root"
    if installed.is_dir():
        environment.setdefault("MULTIWEIGHT_ORIGINAL_ROOT", str(installed))
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "python", *tests]
    done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    step = [sys.executable, "tools/make/step.py", "--print", "count-records"]
    done = subprocess.run(step, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("tools/count_records.py --dataset"), done.stderr
    make = ["make", "--dry-run", "--assume-old", ".venv/.ready", "count-records"]
    done = subprocess.run(make, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "tools/make/step.py import-dataset\n" in done.stdout, done.stderr
    assert "tools/make/step.py count-records\n" in done.stdout, done.stderr
    helped = subprocess.run(["make", "help"], cwd=tmp_path, capture_output=True, text=True, timeout=60).stdout
    assert "count-records: how many records" in helped
