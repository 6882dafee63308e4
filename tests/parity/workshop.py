"""A folder that both engines see, and the original's programs run in it: ``caffe``, ``upgrade_net_proto_text``, ..."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import original


class Workshop:
    """``with Workshop() as shop``: ``shop.path`` is the folder here, ``shop.inside`` its name for the original.

    Where there is no original, the test that opens one is skipped, or fails where the environment requires one.
    """

    def __init__(self) -> None:
        self._python, root, _ = original.need()
        self.path = Path(tempfile.mkdtemp(prefix="parity-", dir=root / "tmp"))
        self.inside = Path("/") / self.path.relative_to(root)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def run(self, program: str, *args: str, check: bool = True) -> str:
        """Standard output and error of a program of the original; ``python3`` is the one that imports caffe."""
        command: Sequence[str] = self._python if program == "python3" else [*self._python[:-1], program]
        done = subprocess.run(
            [*command, *args],
            env=original.environment(OMP_NUM_THREADS="1", GLOG_minloglevel="0"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{program} ended with {done.returncode}: {done.stdout[-3000:]}"
        return done.stdout
