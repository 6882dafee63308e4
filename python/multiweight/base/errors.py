"""The one exception for a mistake that the user can mend, and how a tool ends on it."""

from __future__ import annotations

import sys
from typing import Callable


class UserError(Exception):
    """A mistake in the user's files, flags or set-up.

    The message names the file and the line or key, what was found, what was expected and what to do.
    """


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main`` and end the process with its status.

    A :class:`UserError`, or what caffe_torch raises where Caffe would abort, becomes one line on standard error and
    exit status 2; Ctrl-C becomes 130. Anything else is a defect of the project and keeps its traceback.
    """
    try:
        status = main() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except Exception as error:
        if not _from_engine(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt as stop:
        print(stop if stop.args else "interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def _from_engine(error: Exception) -> bool:
    """Whether caffe_torch raised it; asked without importing that engine."""
    module = sys.modules.get("caffe_torch.errors")
    return module is not None and isinstance(error, module.CaffeError)
