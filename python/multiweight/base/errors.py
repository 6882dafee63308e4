"""The one exception for a mistake that the user can mend, and how a tool ends on it."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any, Callable

from multiweight.base import make_variables


class UserError(Exception):
    """A mistake in the user's files, flags or set-up.

    The message names the file and the line or key, what was found, what was expected and what to do.
    """


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main`` and end the process with its status.

    A :class:`UserError`, what caffe_torch raises where Caffe would abort, and what the system refuses (a folder that
    may only be read, a full disk) become one line on standard error and exit status 2; Ctrl-C becomes 130. Anything
    else is a defect of the project and keeps its traceback.
    """
    try:
        try:
            status: Any = main() or 0
        except SystemExit as asked:  # by --help, or for a flag that is wrong
            status = asked.code
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except BrokenPipeError:
        # Who reads the output has enough of it (`| head`); what is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except OSError as error:
        print(f"error: {refused(error)}", file=sys.stderr)
        status = 2
    except ImportError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        print(f"error: this needs {error.name}: pip install 'multiweight[{extra}]'", file=sys.stderr)
        status = 2
    except MemoryError as error:
        print(f"error: there is not enough memory ({error or 'none is left'})", file=sys.stderr)
        status = 2
    except Exception as error:
        if not _from_library(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt as stop:
        print(stop if stop.args else "interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


#: Packages that a plain installation lacks, and the extra that brings them.
_EXTRAS = {
    **dict.fromkeys(("matplotlib", "jinja2", "scipy"), "report"),
    **dict.fromkeys(("faiss", "threadpoolctl"), "search"),
    "torch": "torch",
}
_ADVICE = {
    errno.ENOSPC: "make room, and give the same command again: it goes on where it stopped",
    errno.EDQUOT: "make room, and give the same command again: it goes on where it stopped",
    errno.EACCES: f"ask for the right to it, or work in another folder: {make_variables.named('RUNS')}",
    errno.EPERM: f"ask for the right to it, or work in another folder: {make_variables.named('RUNS')}",
    errno.EROFS: f"work in a folder that can be written to: {make_variables.named('RUNS')}",
    errno.ENOENT: "run the step that writes it first",
}


def refused(error: OSError) -> str:
    """What the system refused, in a line: the file, the reason, and what to do."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
    # h5py tells the file and the reason in its message alone.
    reason = " ".join((error.strerror or str(error)).split())
    if error.errno is not None and error.errno in errno.errorcode and len(reason) > 100:
        reason = os.strerror(error.errno)
    advice = _ADVICE.get(error.errno or 0)
    return ": ".join([*([" -> ".join(names)] if names else []), reason, *([advice] if advice else [])])


def _from_library(error: Exception) -> bool:
    """Whether caffe_torch or LMDB raised it; asked without importing them."""
    known = (("caffe_torch.errors", "CaffeError"), ("lmdb", "Error"))
    return any(
        module in sys.modules and isinstance(error, getattr(sys.modules[module], name)) for module, name in known
    )
