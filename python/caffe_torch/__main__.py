"""Run a program written for pycaffe, or the ``caffe`` command, on this engine.

    python -m caffe_torch script.py ARGS
    python -m caffe_torch -m module ARGS
    python -m caffe_torch train|test|time|device_query FLAGS

``import caffe`` in the program then means caffe_torch; sys.argv, sys.path[0], __name__ and the exit status are as if
Python had started it.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

from caffe_torch.cli.names import COMMANDS, TOOLS

_USAGE = f"""usage: python -m caffe_torch script.py ARGS
       python -m caffe_torch -m module ARGS
       python -m caffe_torch {{{",".join(COMMANDS)}}} FLAGS
       python -m caffe_torch {{{",".join(TOOLS)}}} ARGS"""


#: Before a program's name: NumPy and PyYAML stay as they are installed.
_AS_IS = "--as-is"


def _fail(message: str) -> int:
    print(f"error: {message}\n{_USAGE}", file=sys.stderr)
    return 2


def main(argv: list[str]) -> int | None:
    """Run what ``argv`` names; the exit status, where the program gives none by itself."""
    if not argv:
        return _fail("nothing to run was given")
    if argv[0] in ("-h", "--help"):
        print(_USAGE)
        return 0
    if argv[0] in (*COMMANDS, *TOOLS, "-version", "--version"):
        return importlib.import_module("caffe_torch.cli.command").main(argv)
    if argv[0] != "-m" and argv[0].startswith("-") and argv[0] != _AS_IS and {*COMMANDS, *TOOLS} & set(argv):
        return importlib.import_module("caffe_torch.cli.command").main(argv)  # flags may stand before the command
    importlib.import_module("caffe_torch")
    if argv[0] == _AS_IS:
        argv = argv[1:]
        if not argv:
            return _fail("nothing to run was given")
    else:
        importlib.import_module("caffe_torch.cli.old_libraries").give_back()
    # Processes that the program starts by multiprocessing inherit sys.path, and with it a `caffe` to import.
    shim = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim")
    if argv[0] == "-m":
        if len(argv) < 2:
            return _fail("-m needs the name of a module")
        sys.path[0] = os.getcwd()
        sys.path.insert(1, shim)
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        return None
    if argv[0].startswith("-"):
        return _fail(f"unknown option {argv[0]!r}")
    if not os.path.exists(argv[0]):
        return _fail(f"{argv[0]}: no such script (and none of the commands {', '.join([*COMMANDS, *TOOLS])})")
    sys.argv = argv
    sys.path[0] = os.path.dirname(os.path.realpath(argv[0]))
    sys.path.insert(1, shim)
    runpy.run_path(argv[0], run_name="__main__")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
