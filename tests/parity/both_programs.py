"""One of the original's programs and ours, called alike in a folder that both see."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import NamedTuple

from workshop import Workshop

from caffe_torch.cli import command
from caffe_torch.runtime.log import init_log

_PREFIX = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.-]+:\d+\] ", re.MULTILINE)


class Outcome(NamedTuple):
    """The exit status, and the lines of standard output and error without glog's prefix."""

    status: int
    lines: list[str]


def ours(shop: Workshop, program: str, *args: str) -> Outcome:
    """Run in the folder, in this process."""
    before, log = os.getcwd(), io.StringIO()
    os.chdir(shop.path)
    init_log(0)
    try:
        with contextlib.redirect_stderr(log):
            status = command.main([program, *args])
    finally:
        os.chdir(before)
        init_log(None)
    return Outcome(status, _PREFIX.sub("", log.getvalue()).splitlines())


def theirs(shop: Workshop, program: str, *args: str) -> Outcome:
    call = 'cd "$1" && shift && "$@" 2>&1; echo "status $?"'
    output = shop.run("sh", "-c", call, "sh", str(shop.inside), program, *args)
    *lines, status = _PREFIX.sub("", output).splitlines()
    return Outcome(int(status.split()[1]), lines)


def both(shop: Workshop, program: str, *args: str) -> tuple[Outcome, Outcome]:
    """The same call with OUT in its words read as two names, ours and theirs."""
    return (
        ours(shop, program, *(word.replace("OUT", "ours") for word in args)),
        theirs(shop, program, *(word.replace("OUT", "theirs") for word in args)),
    )
