"""The notebook, executed as it is committed: every cell runs, and its pictures are there."""

from __future__ import annotations

import os

import unchecked
from checkout import REPOSITORY


def test_the_notebook_runs(monkeypatch):
    nbclient, nbformat, _ = (
        unchecked.package(name, "the notebook of examples/") for name in ("nbclient", "nbformat", "ipykernel")
    )
    path = os.pathsep.join([str(REPOSITORY / "python"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path.rstrip(os.pathsep))
    notebook = nbformat.read(REPOSITORY / "examples" / "walk.ipynb", 4)
    pictures = sum(_pictures(cell) for cell in notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
    assert sum(_pictures(cell) for cell in notebook.cells) == pictures == 3
    assert not any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))


def _pictures(cell):
    return sum("image/jpeg" in output.get("data", {}) for output in cell.get("outputs", []))
