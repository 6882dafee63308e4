"""make's variables as flags of the steps, and flags named with their variables to people who call make.

Needs the standard library alone: make reads it before there is an environment (tools/make/step.py).
"""

from __future__ import annotations

import re

#: The variables that each step takes as flags, `ITERATIONS` as `--iterations`; FLAGS has the other names.
STEPS = {
    "make-sample-shop": "SETTINGS PRODUCTS WRONG MISSING TAIL OVERWRITE",
    "build-catalog": "",
    "import-dataset": "DATASET RUNS SETTINGS MAX_BAD OVERWRITE",
    "clean-dataset": "DATASET RUNS SETTINGS OVERWRITE",
    "split": "DATASET RUNS SETTINGS SEED GIVEN DEDUPE OVERWRITE",
    "describe-dataset": "DATASET RUNS",
    "build-lmdb": "DATASET RUNS SETTINGS SIZE SEED MAX_BAD RESIZE UNKNOWN OVERWRITE",
    "verify-lmdb": "DATASET RUNS",
    "show-lmdb": "DATASET RUNS",
    "make-subset": "DATASET RUNS SETTINGS NAME LARGE SMALL RATIO KIND OVERWRITE",
    "make-prototxt": "DATASET RUNS SETTINGS SIZE TRUNK WIDTH BATCH LOSS ITERATIONS LR STEPSIZE SEED"
    " SCHEME C RESCALE OBJECTIVE OVERWRITE NET",
    "train": "DATASET RUNS WEIGHTS TENSORBOARD GPU",
    "extract-features": "DATASET RUNS SETTINGS VIEWS RECOGNITION GPU",
    "evaluate": "DATASET RUNS SETTINGS METRIC DENOMINATOR CANDIDATES MEMORY",
    "report": "DATASET RUNS SETTINGS FAILURES SUBSETS CHECK",
    "annotate": "DATASET RUNS VARIANT",
    "search": "DATASET RUNS VARIANT",
    "export": "DATASET RUNS VARIANT",
    "serve": "DATASET RUNS PORT GPU",
    "run-study": "RUNS JOBS ONLY GPU",
    "report-study": "",
}
FLAGS = {
    "BATCH": "batch-size", "LR": "base-lr", "RECOGNITION": "probabilities", "FAILURES": "failures-first",
    "SUBSETS": "subset",
}  # fmt: skip
SWITCHES = {"OVERWRITE", "GIVEN", "DEDUPE", "RESCALE", "TENSORBOARD", "RECOGNITION", "FAILURES", "CHECK"}
#: Variables with words of which each is a flag of its own.
LISTS = {"SUBSETS", "ONLY"}


def flag_of(variable: str) -> str:
    """``ITERATIONS`` -> ``--iterations``."""
    return "--" + FLAGS.get(variable, variable.lower().replace("_", "-"))


def variable_of(flag: str, step: str) -> str | None:
    """``--base-lr`` of ``make-prototxt`` -> ``LR``; None where make has no variable for it."""
    return next((name for name in STEPS.get(step, "").split() if flag_of(name) == flag and name != "NET"), None)


def named(variable: str, value: object = None) -> str:
    """The flag of a variable, for an error, as both are written: ``--port 7 (of make: PORT=7)``.

    Without a ``value``: ``--port (of make: PORT=)``, and of a switch ``--overwrite (of make: OVERWRITE=1)``.
    """
    if value is None:
        return f"{flag_of(variable)} (of make: {variable}={1 if variable in SWITCHES else ''})"
    return f"{flag_of(variable)} {value} (of make: {variable}={value})"


def in_settings(flag: str, section: str) -> str:
    """The same for a flag that make has no variable for, but the settings' file a key in ``section``."""
    return f"{flag} (of make: {flag[2:].replace('-', '_')} below {section} in the file that SETTINGS names)"


def with_variables(message: str, step: str) -> str:
    """A message of argparse's about the flags of ``step``, with the variables of those that make takes."""

    def name(found: re.Match[str]) -> str:
        variable = variable_of(found[0], step)
        return found[0] if variable is None else named(variable)

    return re.sub(r"(?<![\w-])--[a-z][a-z-]*", name, message)
