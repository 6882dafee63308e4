"""An error that advises a flag names make's variable too, wherever make has one."""

import ast
import re
from pathlib import Path

import pytest

import multiweight
from multiweight.base import make_variables
from multiweight.base.errors import UserError
from multiweight.commands import evaluate, make_prototxt, run_study
from multiweight.serve import server

PACKAGE = Path(multiweight.__file__).parent

#: Sentences for those who gave flags themselves: make gives these steps their flags whole, or does not use the flag;
#: and one of `caffe train`.
BY_HAND = {
    ("commands/extract_features.py", "--size"), ("commands/extract_features.py", "--weights"),
    ("commands/extract_features.py", "--dataset"), ("commands/extract_features.py", "--probabilities"),
    ("commands/extract_features.py", "--variant"), ("commands/evaluate.py", "--variant"),
    ("commands/train.py", "--variant"), ("commands/train.py", "--gpu"), ("commands/make_prototxt.py", "--dataset"),
    ("commands/make_prototxt.py", "--variant"), ("commands/make_prototxt.py", "--scheme"),
    ("nets/settings.py", "--variant"), ("nets/recipes.py", "--variant"),
}  # fmt: skip


def test_a_flag_has_its_variable():
    assert make_variables.named("OVERWRITE") == "--overwrite (of make: OVERWRITE=1)"
    assert make_variables.named("LR") == "--base-lr (of make: LR=)"
    assert make_variables.named("MEMORY", 0) == "--memory 0 (of make: MEMORY=0)"
    message = make_variables.with_variables("argument --batch-size: invalid; --crop too", "make-prototxt")
    assert message == "argument --batch-size (of make: BATCH=): invalid; --crop too"
    assert make_variables.with_variables("argument --size: 0", "extract-features") == "argument --size: 0"


@pytest.mark.parametrize(
    "step, arguments, message",
    [
        (
            evaluate,
            ["--dataset", "d", "--random", "--memory", "0"],
            "memory 0: expected 1 or more, in MB, by --memory (of make: MEMORY=)",
        ),
        (run_study, ["{study}", "--jobs", "0"], "--jobs 0 (of make: JOBS=0): expected 1 or more"),
        (run_study, ["{study}"], "give --data (of make: DATA=)"),
    ],
)
def test_steps_name_both(step, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "d" / "data").mkdir(parents=True)
    (tmp_path / "study.yaml").write_text(
        "dataset: d\nsize: 64\niterations: 8\nseeds: [1]\nsearch: {rates: [0.1], iterations: 4}\n"
        "experiments:\n  - {name: core, methods: [multi_label]}\n"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        step.main([str(tmp_path) if argument == "{study}" else argument for argument in arguments])


def test_a_port_that_is_none():
    with pytest.raises(UserError, match=r"^--port 70000 \(of make: PORT=70000\): expected 0 to 65535"):
        server.bind("127.0.0.1", 70000)


def test_a_flag_that_cannot_be_read_names_its_variable(capsys):
    with pytest.raises(SystemExit):
        make_prototxt.main(["--dataset", "d", "--variant", "multi_label", "--base-lr", "fast"])
    assert "argument --base-lr (of make: LR=): invalid float value: 'fast'" in capsys.readouterr().err


def test_no_error_names_a_flag_alone():
    """In the sentences of all errors: a flag that make has a variable for is written by ``named``."""
    variables = {*" ".join(make_variables.STEPS.values()).split(), "DATA"} - {"NET", "SETTINGS"}
    flags = {make_variables.flag_of(variable) for variable in variables}
    alone = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
                for text in (constant.value for constant in ast.walk(node) if isinstance(constant, ast.Constant)):
                    words = re.findall(r"(?<![\w-])--[a-z][a-z-]*", text) if isinstance(text, str) else []
                    alone |= {(path.relative_to(PACKAGE).as_posix(), flag) for flag in flags.intersection(words)}
    assert alone <= BY_HAND
