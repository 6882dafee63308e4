"""``multiweight STEP``: the steps it knows, what it says of itself, and how a step is found and ended."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import multiweight
from multiweight import __main__ as command
from multiweight.base import processes

CHECKOUT = Path(__file__).resolve().parents[3]


def run(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "multiweight", *arguments],
        cwd=folder, env=processes.environment(), capture_output=True, text=True, timeout=100,
    )  # fmt: skip


def test_each_module_is_a_step_with_help_and_a_tool(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["multiweight"])
    with_help = command.usage()
    steps = command.steps()
    assert {"train", "make_prototxt", "report"} < set(steps)
    assert {path.stem for path in (CHECKOUT / "tools").glob("*.py")} == set(steps)
    for step in steps:
        module = command._module(step)
        assert command._module(step.replace("_", "-")) is module
        assert re.search(rf"^  {step.replace('_', '-')} +{re.escape(module.__doc__.splitlines()[0])}$", with_help, re.M)
        with pytest.raises(SystemExit) as ended:
            module.main(["--help"])
        help_text = capsys.readouterr().out
        assert ended.value.code == 0 and help_text.startswith(f"usage: multiweight {step.replace('_', '-')}")
        assert not any(f"(default: {value})" in help_text for value in ("None", "[]", "False"))
        assert not re.search(r"\(default: [^)]*\)\s+\(default: ", help_text)


def test_a_step_runs_from_any_folder(tmp_path):
    done = run("make-sample-shop", "shop", "--products", "12", "--size", "32", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert any((tmp_path / "shop").iterdir()) and "of 12 products" in done.stdout


def test_a_mistake_is_one_line_and_status_2(tmp_path):
    done = run("trian", folder=tmp_path)
    assert done.returncode == 2 and done.stderr == "error: multiweight: no step 'trian': did you mean train?\n"
    done = run("zzz", folder=tmp_path)
    assert done.returncode == 2 and "multiweight --help lists the steps" in done.stderr


def test_version_is_the_projects(tmp_path):
    assert run("--version", folder=tmp_path).stdout == f"multiweight {multiweight.__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", multiweight.__version__)


def test_no_step_is_imported_for_the_list_of_steps(tmp_path):
    script = (
        "import sys; from multiweight.__main__ import usage; usage();"
        "print([name for name in sys.modules if 'commands.' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=processes.environment(), capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
