"""How figures look: axes without a box, and files that are equal for equal results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

from multiweight.base import fonts
from multiweight.paper.methods import RANDOM, UNTRAINED

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402  # the backend is chosen first: servers have no display
from matplotlib import ticker  # noqa: E402

#: Colour and label of the reference rows.
MARKERS = {UNTRAINED: ("#000000", "untrained net"), RANDOM: ("#8A8A8A", "random ranking")}
_DPI = 150


def finish(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(which="both", labelsize=8)


def log_scale(axes: Any) -> None:
    """A logarithmic y axis with 4, 6, 10, 20 rather than powers of ten."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(ticker.LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.6)))


def save(figure: Any, path: Path, svg: bool = True) -> None:
    """Write the PNG ``path``, and an SVG beside it, without date or version."""
    fonts.write(figure, path, dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    if svg:
        with plt.rc_context({"svg.hashsalt": "multiweight"}):
            metadata = {"Date": None, "Creator": None}
            fonts.write(figure, path.with_suffix(".svg"), bbox_inches="tight", metadata=metadata)
    plt.close(figure)
