"""What keeps the checkout in order: the pre-commit hooks, the parts of CI, the pinned versions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml
from checkout import REPOSITORY

HOOKS = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]


def test_the_hooks_are_the_installed_tools_alone():
    """Nothing is fetched from elsewhere, and each program is one that make setup or the system's packages bring."""
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    programs = {hook["id"]: hook["entry"].split()[0] for hook in HOOKS[0]["hooks"]}
    assert set(programs) == {"ruff", "ruff-format", "mypy", "import-linter", "shellcheck"}
    assert all(hook["language"] == "system" for hook in HOOKS[0]["hooks"])
    for name, program in programs.items():
        if name != "shellcheck":
            assert program.startswith(".venv/bin/") and (Path(sys.executable).parent / Path(program).name).exists()


def test_the_hook_of_ruff_refuses_a_bad_file(tmp_path):
    (tmp_path / "bad.py").write_text("import os\nx = 'a'\n")
    entries = {hook["id"]: hook["entry"].split() for hook in HOOKS[0]["hooks"]}
    for name in ("ruff", "ruff-format"):
        program = Path(sys.executable).parent / Path(entries[name][0]).name
        command = [str(program), *entries[name][1:], "--no-cache", str(tmp_path / "bad.py")]
        assert subprocess.run(command, cwd=REPOSITORY, capture_output=True).returncode == 1, name


def test_ci_tells_the_seconds_of_its_parts_slowest_first(tmp_path):
    """The head of .ci/run with two parts of its own, of which the second is slower and fails."""
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    head = script[: script.index("packages() {")].replace('cd "$(dirname "$0")/.."', "")
    program = tmp_path / "run"
    program.write_text(head + 'part "quick" true\npart "slow" sh -c "sleep 2; exit 3"\necho not here\n')
    done = subprocess.run(["bash", str(program)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "not here" not in done.stdout
    times = done.stdout.split("slowest first:\n")[1].splitlines()
    assert [line.split()[1] for line in times] == ["slow", "quick"] and int(times[0].split()[0]) >= 2


def test_ci_runs_every_test_once():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    folders = re.search(r"^WHOLE := (.*)$", makefile, re.MULTILINE).group(1).split()  # type: ignore[union-attr]
    assert all((REPOSITORY / folder).is_dir() for folder in folders)
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert "make coverage" in script and "make test-whole" in script and "make lint" in script


def test_what_the_tests_import_is_pinned():
    pinned = {line.split("==")[0].lower() for line in (REPOSITORY / "constraints.txt").read_text().splitlines()}
    assert {"pytest", "pytest-cov", "coverage", "ruff", "mypy", "import-linter"} <= pinned
