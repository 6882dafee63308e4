"""The table of parity cases: every layer type over strides, pads, groups, odd sizes, edges, modes; and small nets."""

from __future__ import annotations

import cases_data
import cases_edges
import cases_losses
import cases_nets
import cases_pointwise
import cases_windows
from case import Case

CASES: list[Case] = [
    case
    for module in (cases_windows, cases_pointwise, cases_losses, cases_edges, cases_data, cases_nets)
    for case in module.CASES
]

_SOURCES = "reads or writes files of its own kind: test_sources.py compares it"
#: Layer types that have no case here, and why. Every other registered type must have one.
WITHOUT_CASE = {
    "ImageData": _SOURCES,
    "HDF5Data": _SOURCES,
    "HDF5Output": _SOURCES,
    "MemoryData": _SOURCES,
    "WindowData": _SOURCES,
}
