"""The table of parity cases: CASES of every module cases_*.py beside this one."""

from __future__ import annotations

import importlib
from pathlib import Path

from case import Case

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
CASES: list[Case] = [case for module in MODULES for case in importlib.import_module(module).CASES]

#: Registered layer types that have no case here, and why. Every other type must have one.
WITHOUT_CASE: dict[str, str] = {}
