"""Published pycaffe programs: where they are, how they become Python 3, and how either engine runs them."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import unchecked

import caffe_torch

REPOSITORY = Path(__file__).resolve().parents[2]


def other(name: str) -> Path:
    """A checkout of this name in the folder that MULTIWEIGHT_PUBLISHED_PROGRAMS names; the test is skipped without."""
    folder = os.environ.get("MULTIWEIGHT_PUBLISHED_PROGRAMS")
    if not folder or not (Path(folder) / name).is_dir():
        unchecked.skip("published programs", f"set MULTIWEIGHT_PUBLISHED_PROGRAMS to a folder with {name}")
    return Path(folder) / name


def python3(text: str, name: str) -> str:
    """The program as 2to3 gives it, which is what Python 3 itself asks for."""
    if sys.version_info >= (3, 13):
        unchecked.skip("published programs of Python 2", "2to3 has left this Python: use 3.10 to 3.12")
    refactor: Any = importlib.import_module("lib2to3.refactor")
    tool = refactor.RefactoringTool(refactor.get_fixers_from_package("lib2to3.fixes"))
    return str(tool.refactor_string(text.rstrip() + "\n", name))


def convert(source: Path, target: Path) -> Path:
    """Write ``source`` in Python 3 under ``target``."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(python3(source.read_text(), source.name))
    return target


def notebook(source: Path, cells: slice | Sequence[int] = slice(None)) -> str:
    """The code cells of a notebook, as they are, ``pass`` in place of lines for IPython or the shell.

    A cell under %%timeit is a function of its own that is called once, as there.
    """
    content = json.loads(source.read_text())
    result = content["cells"] if "cells" in content else content["worksheets"][0]["cells"]
    code = ["".join(c.get("source") or c.get("input")) for c in result if c["cell_type"] == "code"]
    chosen = code[cells] if isinstance(cells, slice) else [code[i] for i in cells]
    for i, cell in enumerate(chosen):
        if cell.startswith("%%timeit"):
            chosen[i] = f"def timed():\n{textwrap.indent(cell.partition(chr(10))[2], '    ')}\n\ntimed()"
    return re.sub(r"(?m)^( *)[%!](?:.*\\\n)*.*$", r"\1pass", "\n\n".join(chosen)) + "\n"


def random_weights(prototxt: Path, to: Path) -> None:
    """Weights of a deploy net's size in place of the published ones: drawn as He et al. do; no biases."""
    net = caffe_torch.Net(str(prototxt), caffe_torch.TEST)
    random = np.random.default_rng(0)
    for blobs in net.params.values():
        shape = blobs[0].data.shape
        blobs[0].data[...] = random.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[1:]))
    net.save(str(to))


def here(
    folder: Path, arguments: Sequence[str | Path], path: Sequence[Path] = (), timeout: int = 580
) -> subprocess.CompletedProcess[str]:
    """``python -m caffe_torch ARGUMENTS`` in ``folder``, with ``path`` on PYTHONPATH; its failure is the test's."""
    more = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.path.isabs(entry)]
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", *map(str, arguments)],
        cwd=folder,
        env={
            **os.environ, "PYTHONPATH": os.pathsep.join(map(str, [REPOSITORY / "python", *path, *more])),
            "GLOG_minloglevel": os.environ.get("GLOG_minloglevel", "2"), "MPLBACKEND": "Agg",
            "CAFFE_TORCH_FORCE_CPU": "1",
        },
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    return done
