"""link_tools: the original's programs under their own names, for scripts that call build/tools/convert_imageset."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from caffe_torch.cli.names import TOOLS
from caffe_torch.errors import CaffeError

_USAGE = """link_tools: puts links named caffe, convert_imageset, compute_image_mean and so on into a folder.
usage: caffe-torch link_tools FOLDER"""


def run_tool(name: str, words: Sequence[str]) -> int:
    if len(words) != 1 or words[0].startswith("-"):
        print(_USAGE, file=sys.stderr)
        return 1
    beside = Path(sys.executable).with_name("caffe-torch")
    program = str(beside) if beside.exists() else shutil.which("caffe-torch")
    if program is None:
        raise CaffeError("link_tools: caffe-torch is not on PATH: install the package first (make setup)")
    folder = Path(words[0])
    names = ["caffe", *(tool for tool in TOOLS if tool != name)]
    for tool in names:
        link = folder / tool
        if link.is_symlink() and os.readlink(link) == program:
            continue
        if link.exists() or link.is_symlink():
            raise CaffeError(f"{link}: is there already, and nothing is written over; name another folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            link.symlink_to(program)
        except OSError as error:
            raise CaffeError(f"{link}: cannot be written ({error.strerror})") from None
    print(f"{folder}: {', '.join(names)}")
    return 0
