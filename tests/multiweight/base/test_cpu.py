"""The number of threads that a step starts."""

from __future__ import annotations

import os

import pytest

from multiweight.base import cpu


@pytest.mark.parametrize(("variable", "threads"), [("3", 3), ("4,2", 4), (" 5 , 1", 5)])
def test_openmps_variable_decides(variable, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert cpu.threads() == threads


@pytest.mark.parametrize("variable", [None, "", "0", "many", "-1", "²"])
def test_without_a_number_every_core_that_the_process_may_use(variable, monkeypatch):
    if variable is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    assert cpu.threads() == cpu.cores() == 3
