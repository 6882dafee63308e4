"""The first page of every room lists its files, so that a reader finds his way from the tree alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1] / "python"
ROOMS = sorted(page.parent for page in PYTHON.rglob("__init__.py") if "shim" not in page.parts)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(PYTHON)))
def test_a_room_lists_its_files(room: Path) -> None:
    page = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    files = {path.name for path in room.glob("*.py") if not path.name.startswith("__")}
    folders = {path.name + "/" for path in room.iterdir() if (path / "__init__.py").exists()}
    missing = sorted(name for name in files | folders if f"``{name}``" not in page)
    assert not missing, f"{room.name}/__init__.py does not list {', '.join(missing)}"
    assert page.splitlines()[0].endswith((".", ":"))
