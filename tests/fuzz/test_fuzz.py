"""Each reader of the fuzzer on damaged inputs: a property with a fixed seed, and all inputs that once were a fault."""

from __future__ import annotations

import functools
from pathlib import Path

import child
import pytest
import readers
from hypothesis import given, settings
from hypothesis import strategies as st

READERS = readers.load()
KEPT = sorted(path for path in readers.KEPT.glob("*/*") if path.is_file())


@functools.cache
def examples(name: str, folder: Path) -> list[bytes]:
    return list(READERS[name].examples(folder))


@pytest.fixture
def folder(request, tmp_path_factory, monkeypatch) -> Path:
    """A working directory a reader, with the files that its examples leave."""
    name = request.getfixturevalue("name")
    path = tmp_path_factory.getbasetemp() / f"fuzz-{name}"
    path.mkdir(exist_ok=True)
    monkeypatch.chdir(path)
    return path


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_input_is_read_or_refused_by_a_clear_error(name, folder):
    reader, valid = READERS[name], examples(name, folder)
    path = folder / f"input{reader.suffix}"

    @settings(max_examples=20, derandomize=True, deadline=None, database=None)
    @given(st.integers(0, 2**32 - 1))
    def check(number):
        path.write_bytes(child.damaged(reader, number, valid))
        assert not child.attempt(reader, path)

    check()


@pytest.mark.parametrize(
    "name, damaged", [(p.parent.name, p) for p in KEPT], ids=[f"{p.parent.name}/{p.name}" for p in KEPT]
)
def test_what_once_was_a_fault(name, damaged, folder):
    reader = READERS[name]
    examples(name, folder)
    path = folder / f"input{reader.suffix}"
    path.write_bytes(damaged.read_bytes())
    assert not child.attempt(reader, path)
