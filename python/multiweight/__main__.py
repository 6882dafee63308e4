"""``python -m multiweight STEP ...`` and ``multiweight STEP ...``: the steps are the modules of commands/."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence

from multiweight import __version__, commands
from multiweight.base.errors import UserError, run_tool


def main() -> None:
    """Run the step that the command line names, and end the process with its status."""
    called = sys.argv[1:]
    if not called or called[0] in ("-h", "--help"):
        run_tool(lambda: print(usage()))
    elif called[0] == "--version":
        run_tool(lambda: print(f"multiweight {__version__}"))
    else:
        run(called[0], called[1:])


def run(step: str, arguments: Sequence[str]) -> None:
    """Run ``step``, a module's name with ``-`` or ``_``, and end the process with its status."""
    run_tool(lambda: _module(step).main(arguments))


def steps() -> list[str]:
    """The names of the steps, as modules."""
    return [module.name for module in pkgutil.iter_modules(commands.__path__)]


def usage() -> str:
    """What ``multiweight --help`` prints; no step is imported for it."""
    width = max(map(len, steps()))
    lines = [f"  {step.replace('_', '-'):{width}}  {_summary(step)}" for step in steps()]
    head = "usage: multiweight STEP ...     (multiweight STEP --help lists its flags)\n       multiweight --version"
    return "\n".join([head, "", "steps:", *lines])


def _module(step: str):  # type: ignore[no-untyped-def]
    name = step.replace("-", "_")
    if name not in steps():
        near = difflib.get_close_matches(name, steps(), 1)
        hint = f"did you mean {near[0].replace('_', '-')}?" if near else "multiweight --help lists the steps"
        raise UserError(f"multiweight: no step {step!r}: {hint}")
    return importlib.import_module(f"{commands.__name__}.{name}")


def _summary(step: str) -> str:
    """The first line of the step's docstring."""
    spec = importlib.util.find_spec(f"{commands.__name__}.{step}")
    source = spec.loader.get_source(spec.name) if spec and spec.loader else ""  # type: ignore[attr-defined]
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


if __name__ == "__main__":
    main()
