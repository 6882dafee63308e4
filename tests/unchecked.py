"""Tests that cannot run here: each is skipped with what is not checked, why, and how to get what it lacks."""

from __future__ import annotations

import functools
import importlib
import re
import shutil
import sys
from typing import Any, NoReturn

import pytest
from checkout import REPOSITORY

#: Distributions whose name is not their module's.
DISTRIBUTIONS = {"faiss": "faiss-cpu", "PIL": "pillow", "sklearn": "scikit-learn"}


def skip(what: str, why: str) -> NoReturn:
    """Skip the test, or the whole file where it is called outside of one."""
    __tracebackhide__ = True
    pytest.skip(reason(what, why), allow_module_level=True)


def reason(what: str, why: str) -> str:
    return f"NOT CHECKED: {what}: {why}"


def unless(condition: object, what: str, why: str) -> pytest.MarkDecorator:
    """A mark for tests and files that need ``condition``."""
    return pytest.mark.skipif(not condition, reason=reason(what, why))


def package(module: str, what: str) -> Any:
    """The module; ``what`` is not checked where it is not installed."""
    __tracebackhide__ = True
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        skip(what, f"{missing} is not installed: {install(missing)}")


def program(name: str, what: str, how: str) -> str:
    """The path of a program; ``how`` says how to get it."""
    __tracebackhide__ = True
    return shutil.which(name) or skip(what, f"no {name} here: {how}")


def install(module: str) -> str:
    """The command that brings a module: the project's extra that names it, else its own distribution."""
    name = DISTRIBUTIONS.get(module, module)
    extra = _extras().get(name)
    return f"pip install '.[{extra}]'" if extra else f"pip install {name}"


@functools.cache
def _extras() -> dict[str, str]:
    """Distribution -> the extra of pyproject.toml that names it; ``dev`` only where no other does."""
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    project = toml.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, str] = {}
    for extra, requirements in project["optional-dependencies"].items():
        for requirement in requirements:
            extras.setdefault(re.split(r"[^\w.-]", requirement)[0], extra)
    return extras
