"""Both engines for the tests here, the table at the end, and a loud word where the original is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deviations
import files
import original
import pair as pairs
import published
import pytest
import torch
import unchecked

#: The file that the table is written to, if any.
TABLE = "MULTIWEIGHT_PARITY_TABLE"
TABLE_COMMAND = "make parity-table"
_table = deviations.Table()
#: Of layers that the original lacks: they have other judges, named in the sections' titles.
_fork_table = deviations.Table()


@pytest.fixture(scope="session")
def table() -> deviations.Table:
    return _table


@pytest.fixture(scope="session")
def fork_table() -> deviations.Table:
    return _fork_table


@pytest.fixture(scope="session")
def pair() -> Iterator[pairs.Pair]:
    """Both engines and a folder with small LMDBs; skips, or fails where one is required, without an original."""
    new = pairs.Pair()
    try:
        files.write(new.files)
        yield new
    finally:
        new.close()


@pytest.fixture
def source() -> Path:
    """Caffe's own source tree, for the tests of what it publishes, or a loud skip."""
    result = published.source()
    if isinstance(result, str):
        unchecked.skip("published nets and programs", result)
    return result


def _unchecked(terminalreporter: Any) -> list[Any]:
    """The tests that were skipped for want of an original."""
    return [r for r in terminalreporter.stats.get("skipped", []) if original.UNCHECKED in str(r.longrepr)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if "exported" in sys.modules and not session.config.option.collectonly:
        sys.modules["exported"].write_table()
    if original.required() and not _table.cases and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = _unchecked(terminalreporter)
    if skipped:
        try:
            reason = f"it came in the meantime, as version {original.find().version}"
        except original.NoOriginal as found:
            reason = str(found)
        terminalreporter.section("PARITY WITH THE ORIGINAL CAFFE WAS NOT CHECKED", sep="!", red=True, bold=True)
        terminalreporter.write_line(f"{len(skipped)} parity tests were not run: {reason}.", red=True, bold=True)
    if original.required() and not _table.cases:
        terminalreporter.write_line(
            f"{original.REQUIRED} is set, and no parity case was compared.", red=True, bold=True
        )
    if _fork_table.cases:
        terminalreporter.section(f"worst deviation of forks' layers from their judges, {_fork_table.cases} cases")
        terminalreporter.write_line(_fork_table.render())
    if not _table.cases:
        return
    versions = f"BVLC Caffe {original.find().version}; caffe_torch on PyTorch {torch.__version__}"
    terminalreporter.section(f"worst deviation from the original, {_table.cases} cases")
    terminalreporter.write_line(versions)
    terminalreporter.write_line(_table.render())
    path = os.environ.get(TABLE)
    if path and not (skipped or terminalreporter.stats.get("failed") or terminalreporter.stats.get("error")):
        head = (
            f"<!-- Written by `{TABLE_COMMAND}`; not by hand. -->\n\n# Worst deviation from the original\n\n"
            f"max|a - b| / max|b| of a blob, the worst of all blobs of all cases: `{TABLE_COMMAND}`, one thread, CPU.\n"
            f"{versions}.\nThe suite allows {deviations.TOLERANCE:g} where a section does not say otherwise.\n\n"
        )
        tables = "\n".join(table.render() for table in (_table, _fork_table) if table.cases)
        Path(path).write_text(head + tables.rstrip() + "\n", encoding="utf-8")
        terminalreporter.write_line(f"written to {path}")
