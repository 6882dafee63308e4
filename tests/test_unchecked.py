"""A test that cannot run says what is not checked and how to get what it lacks; none is skipped otherwise."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import unchecked
from checkout import REPOSITORY

#: These say it in their own way: parity's are counted at the end of a run, an environment's may be required.
OWN = {"unchecked.py", "environments.py", "parity/original.py"}


@pytest.mark.parametrize(
    "module, how",
    [
        ("faiss", "pip install '.[search]'"),
        ("scipy", "pip install '.[report]'"),
        ("sklearn", "pip install '.[serve]'"),
        ("pandas", "pip install '.[dev]'"),
        ("plyvel", "pip install '.[leveldb]'"),
        ("tables", "pip install tables"),
    ],
)
def test_a_package_that_is_missing(module, how, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(pytest.skip.Exception) as skipped:
        unchecked.package(f"{module}", "the same neighbours as another search")
    assert str(skipped.value) == (
        f"NOT CHECKED: the same neighbours as another search: {module} is not installed: {how}"
    )


def test_what_is_there_is_given():
    assert unchecked.package("os.path", "paths").sep == "/"
    assert unchecked.program("sh", "scripts", "install one").endswith("/sh")
    with pytest.raises(pytest.skip.Exception, match="^NOT CHECKED: scripts: no no-such-program here: install one$"):
        unchecked.program("no-such-program", "scripts", "install one")


def test_the_skip_is_reported_where_it_was_asked_for(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import unchecked\n\ndef test():\n    unchecked.package('no_such_module', 'this')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")}
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "test_it.py:4: NOT CHECKED: this: no_such_module is not installed: pip install no_such" in done.stdout


def test_no_other_way_to_skip():
    tests = REPOSITORY / "tests"
    other = re.compile(r"importorskip|pytest\.skip\(|mark\.skip(if)?\b|SkipTest")
    result = [
        f"{path.relative_to(tests)}:{number}"
        for path in sorted(tests.rglob("*.py"))
        if path.relative_to(tests).as_posix() not in {*OWN, "test_unchecked.py"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if other.search(line)
    ]
    assert not result, f"{result}: use tests/unchecked.py"
