"""The docstring of every package's __init__.py lists the package's files and sub-packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[1] / "python"
PACKAGES = sorted(page.parent for page in PYTHON.rglob("__init__.py") if "shim" not in page.parts)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(PYTHON)))
def test_a_package_lists_its_files(package: Path) -> None:
    page = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    files = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    folders = {path.name + "/" for path in package.iterdir() if (path / "__init__.py").exists()}
    missing = sorted(name for name in files | folders if f"``{name}``" not in page)
    assert not missing, f"{package.name}/__init__.py does not list {', '.join(missing)}"
    assert page.splitlines()[0].endswith((".", ":"))
