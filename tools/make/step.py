#!/usr/bin/env python3
"""Runs a step of tools/ with make's variables as its flags; tells which variable a misspelt one may mean.

    step.py STEP [FLAG...]       run tools/STEP.py; variables come from the environment, where make puts them
    step.py --print STEP ...     print that command and run nothing
    step.py --run VARIANT        print the folder of that run of the dataset
    step.py --unknown NAME...    the error for variables that make does not know

Needs the standard library alone, of Python 3.9 or newer: make calls it before there is an environment, and in the
original's container.
"""

import difflib
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
ON, OFF = ("1", "yes", "y", "true", "on"), ("0", "no", "n", "false", "off", "none")
sys.path.insert(0, str(ROOT / "python"))
from multiweight.base.make_variables import LISTS, STEPS, SWITCHES, flag_of  # noqa: E402


def fail(problem: str) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    raise SystemExit(2)


def switched_on(name: str, value: str) -> bool:
    """What a variable that is 1 or 0 says; OVERWRITE=No must never overwrite."""
    plain = value.strip().casefold()
    if plain not in ("", *ON, *OFF):
        fail(f"{name}={value}: expected 1 or 0")
    return plain in ON


def path_of(value: str) -> str:
    """A path as an argument that is no flag: ``-x`` is ./-x."""
    return f"./{value}" if value.startswith("-") else value


class Variables:
    """make's variables, and what follows from them."""

    def __init__(self, given: Mapping[str, str]):
        self.given = given
        self.runs = given.get("RUNS") or "runs"
        shop = f"{self.runs}/sample-shop/shop"
        self.data = path_of(given.get("DATA") or shop)
        self.drawn = os.path.realpath(self.data) == os.path.realpath(shop)

    def dataset(self) -> str:
        """DATASET, else the name of DATA's folder, with `-` for what the name of a dataset may not have."""
        if self.drawn:
            return self.given.get("DATASET") or "sample-shop"
        folder = re.sub(r"[^\w.-]+", "-", os.path.basename(os.path.realpath(self.data))).lstrip("-.")
        return self.given.get("DATASET") or folder or fail(f"DATA={self.data}: give the dataset a name: DATASET=")

    def flags(self, step: str) -> list:
        words = []
        for name in STEPS[step].split():
            words += self.flag(step, name)
        return words

    def flag(self, step: str, name: str) -> list:
        value = self.given.get(name, "")
        flag = flag_of(name)
        if name == "RUNS":
            return [flag, self.runs]
        if name == "DATASET":
            return [flag, self.dataset()]
        if name == "SETTINGS":
            return [flag, value or ("drawn-shop" if self.drawn else "photos")]
        if name == "NET":
            try:
                return shlex.split(value)
            except ValueError as error:
                fail(f"NET={value}: {error}: check its quotes")
        if name in SWITCHES:
            return [flag] if switched_on(name, value) else []
        if name == "LR" and "LR" in self.given and not value:
            return [flag, "none"]  # LR= takes the rule for full-size nets
        if name == "GPU" and step != "train":
            value = re.sub("^all$", "0", value.split(",")[0])  # training alone uses several
        if name in LISTS:
            return [word for item in value.split() for word in (flag, item)]
        return [flag, value] if value else []

    def things(self, step: str) -> list:
        """What the step works on: files and folders."""
        if step == "make-sample-shop":
            return [f"{self.runs}/sample-shop/shop"]
        if step == "import-dataset":
            return [self.data]
        if step == "build-catalog":
            found = [path for path in (f"{self.data}/shop.csv", f"{self.data}/shop.jsonl") if os.path.exists(path)]
            return found or fail(
                f"make keywords needs DATA=DIR, a folder with shop.csv or shop.jsonl: {self.data} has neither"
            )
        if step in ("annotate", "search"):
            photo = self.given.get("PHOTO") or fail(f"make {step} needs PHOTO=FILE, and VARIANT=the run to use")
            return [path_of(photo)]
        if step in ("run-study", "report-study"):
            study = [self.given.get("STUDY") or "docs/study/fashion"]
            return study + (["--data", self.data] if step == "run-study" and not self.drawn else [])
        return []

    def command(self, step: str, more: list) -> list:
        if step not in STEPS:
            fail(f"no step {step!r}: expected one of {', '.join(STEPS)}")
        tool = os.path.relpath(ROOT / "tools" / f"{step.replace('-', '_')}.py")
        return [tool, *self.things(step), *self.flags(step), *more]


def unknown(names: list) -> str:
    """The error for variables that the Makefile does not list."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = " ".join(re.findall(r"^## ([A-Z_ ]+)  ", makefile, re.MULTILINE)).split()
    told = []
    for name in names:
        near = difflib.get_close_matches(name.upper(), known, 1, 0.5)
        told.append(f"{name} is no variable of make's here" + (f": did you mean {near[0]}?" if near else ""))
    return "; ".join(told) + " (make help lists them)"


def main(words: list) -> None:
    if not words:
        fail("expected a step; see the head of this file")
    variables = Variables(os.environ)
    if words[0] == "--unknown":
        print(unknown(words[1:]))
    elif words[0] == "--run" and len(words) == 2:
        print(f"{variables.runs}/{variables.dataset()}/{words[1]}")
    elif words[0] == "--print":
        print(shlex.join(variables.command(words[1], words[2:])))
    else:
        command = variables.command(words[0], words[1:])
        # To stderr: what a step prints may be read by another.
        print(shlex.join(command), file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main(sys.argv[1:])
