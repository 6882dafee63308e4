"""The table of parity cases: every layer type over strides, pads, groups, odd sizes, edges, modes; and whole nets."""

from __future__ import annotations

import cases_losses
import cases_nets
import cases_pointwise
import cases_windows

CASES = [*cases_windows.CASES, *cases_pointwise.CASES, *cases_losses.CASES, *cases_nets.CASES]
