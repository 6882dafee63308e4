"""What the steps' flags have in common, and flags that are made from the fields of a settings dataclass."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, NoReturn

from multiweight.base import engine as engines
from multiweight.base import make_variables

#: The types that a setting may have, by their name in the annotation, with what a person is told to write.
TYPES: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "str": (str, "a word"),
    "bool": (bool, "true or false"),
}


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Adds defaults to the help, except where it says them itself, for switches, and where there is none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default not in (None, False, []) and "(default" not in (action.help or "")
        return super()._get_help_string(action) if shown else action.help


class Parser(argparse.ArgumentParser):
    """Names the flags of an error with make's variables too."""

    def error(self, message: str) -> NoReturn:
        super().error(
            make_variables.with_variables(message, self.prog.split()[-1].replace("_", "-").removesuffix(".py"))
        )


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The parser of the step in ``module``; it calls itself as the user called it."""
    step = module.rpartition(".")[2]
    called = Path(sys.argv[0]).name
    name = called if called == f"{step}.py" else f"multiweight {step.replace('_', '-')}"
    return Parser(prog=name, description=description, formatter_class=Help)


def dataset(p: argparse.ArgumentParser, what: str, required: bool = True) -> None:
    """``--dataset`` and ``--runs``; ``what`` is the help of ``--dataset``: the state that the step expects it in."""
    p.add_argument("--dataset", required=required, help=f"{what}, a folder below --runs")
    runs(p)


def runs(p: argparse.ArgumentParser) -> None:
    p.add_argument("--runs", default="runs", help="folder of all runs")


def gpu(p: argparse.ArgumentParser, several: bool = False) -> None:
    which = "0, or 0,1 or all for several" if several else "number of the GPU"
    p.add_argument("--gpu", help=f"{which}, or none (default: a GPU where there is one)")


def engine(p: argparse.ArgumentParser, what: str = "which Caffe") -> None:
    p.add_argument("--engine", choices=engines.CHOICES, help=f"{what} (default: $ENGINE, else auto)")


def setting(default: Any, help: str, choices: Sequence[str] = ()) -> Any:
    """A field of a settings dataclass: its default, what its flag's help says, and the words that it may be.

    ``dataclasses.MISSING`` as default means that the value is computed where none is given; ``help`` says how then.
    """
    return dataclasses.field(default=default, metadata={"help": help, "choices": tuple(choices)})


def from_fields(p: argparse._ActionsContainer, settings: type, *names: str) -> None:
    """A flag for each field of a settings dataclass that ``setting`` made, or for those of ``names`` alone.

    A flag that is not given leaves no value (``given``). A field that may be None takes ``none``; a field that is true
    or false has a flag ``--no-...`` too.
    """
    for field in fields(settings):
        if names and field.name not in names:
            continue
        flag, help = field.name.replace("_", "-"), field.metadata["help"].replace("%", "%%")
        shown = field.default not in (None, False, dataclasses.MISSING) and "(default" not in help
        if shown and field.default is not True:
            help += f" (default: {field.default})"
        kind, optional = type_of(field)
        options: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS}
        if kind == "bool":
            usual = bool(field.default)
            p.add_argument(f"--{flag}", action="store_true", help=argparse.SUPPRESS if usual else help, **options)
            no = help if usual else argparse.SUPPRESS
            p.add_argument(f"--no-{flag}", action="store_false", help=no, **options)
        elif field.metadata["choices"]:
            p.add_argument(f"--{flag}", choices=field.metadata["choices"], help=help, **options)
        else:
            p.add_argument(
                f"--{flag}", type=_or_none(TYPES[kind][0]) if optional else TYPES[kind][0], help=help, **options
            )


def given(args: argparse.Namespace, settings: type) -> dict[str, Any]:
    """The values of the fields' flags that the command line has."""
    return {field.name: getattr(args, field.name) for field in fields(settings) if hasattr(args, field.name)}


def fields(settings: type) -> list[dataclasses.Field[Any]]:
    """The fields that ``setting`` made."""
    return [field for field in dataclasses.fields(settings) if "help" in field.metadata]


def type_of(field: dataclasses.Field[Any]) -> tuple[str, bool]:
    """A key of ``TYPES``, and whether the field may be None; annotations are texts (Python 3.9 cannot read them)."""
    kind, bar, none = str(field.type).partition(" | ")
    return kind, bool(bar) or field.default is dataclasses.MISSING


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return None if text == "none" else kind(text)

    read.__name__ = kind.__name__
    return read
