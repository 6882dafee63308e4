"""Figures of many methods: a small panel per group or a method, where one chart would hold too many bars or lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import ticker

from multiweight.base import markup
from multiweight.report import results
from multiweight.report.plot_style import MARKERS, finish, log_scale, plt, save
from multiweight.report.results import Result

#: More trained methods than these have a panel each.
MANY = 6
_COLUMNS = 4
_BAR, _BEST, _OTHERS = "#7FB3D5", "#0072B2", "#C4C9CF"


def histogram(path: Path, evaluated: Sequence[Result]) -> None:
    """A panel per group, by falling proportion: a bar a trained method, the best dark; the reference rows as lines."""
    trained = [r for r in evaluated if r.trained]
    groups = [group for group in results.groups(evaluated) if results.best(evaluated, group) is not None]
    highest = max(end for r in evaluated for group in groups for end in _values(r, group))
    places = np.arange(len(trained))
    figure, panels = _grid(len(groups), 0.55 + 0.17 * len(trained))
    for axes, group in zip(panels, groups):
        top = results.best(trained, group)
        for place, r in zip(places, trained):
            value = r.map(group)
            best = results.is_best(value, top)
            if value is not None:
                axes.barh(place, 100 * value, 0.78, color=_BEST if best else _BAR, zorder=2)
                low, high = (100 * end for end in r.evaluation["groups"][group].get("interval") or (value, value))
                if low < high:
                    axes.hlines(place, low, high, color="#333333", linewidth=0.8, zorder=4)
                end = max(high, 100 * value)
                axes.text(end, place, f" {100 * value:.1f}", va="center", fontsize=6.5, zorder=4)
        for r in evaluated:
            value = r.map(group)
            if not r.trained and value is not None:
                colour, label = MARKERS[r.variant]
                axes.axvline(100 * value, color=colour, linewidth=1.2, linestyle="--", label=label, zorder=3)
        axes.set_yticks(places, [r.name for r in trained])
        axes.set_ylim(len(trained) - 0.4, -0.6)
        axes.set_xlim(0, 115 * highest)
        axes.set_title(markup.figure(group), fontsize=9, loc="left")
        finish(axes)
    handles, names = panels[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, ncol=2, frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0.1, 1.0))
    figure.supxlabel(f"mAP@{evaluated[0].evaluation['k']} (%); dark: the best trained method", fontsize=9)
    save(figure, path)


def change(path: Path, changed: Sequence[tuple[str, np.ndarray]], proportions: np.ndarray, axis_label: str) -> None:
    """A panel per method: the change of each group against its proportion, those of the others behind it in grey.

    ``changed`` are names and changes (groups,), points of percent; ``said`` is what they are changes of.
    """
    shown = proportions > 0
    figure, panels = _grid(len(changed), 1.7)
    for axes, (name, mine) in zip(panels, changed):
        axes.axhline(0, color="#555555", linewidth=0.8, zorder=1)
        for _, values in changed:
            axes.plot(proportions[shown], values[shown], "o", color=_OTHERS, markersize=2.5, zorder=2)
        axes.plot(proportions[shown], mine[shown], "o", color=_BEST, markersize=4.5, zorder=3)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axes.set_title(name, fontsize=9, loc="left")
        axes.grid(color="#E4E4E4", linewidth=0.6, zorder=0)
        finish(axes)
    figure.supylabel(axis_label, fontsize=9)
    figure.supxlabel("proportion of the group in the training images", fontsize=9)
    save(figure, path)


def curves(path: Path, logged: Sequence[Result], lines: Sequence[np.ndarray], title: str) -> None:
    """A panel per method: its smoothed loss in colour, those of the others behind it in grey.

    ``lines`` are the values of each of ``logged``, at its logged iterations.
    """
    finite = [value for values in lines for value in values if math.isfinite(value)]
    figure, panels = _grid(len(logged), 1.7)
    for axes, mine in zip(panels, logged):
        for r, values in zip(logged, lines):
            axes.plot(
                r.log.iterations, values, color=_BEST if r is mine else _OTHERS, linewidth=1.8 if r is mine else 0.8,
                zorder=3 if r is mine else 2,
            )  # fmt: skip
        if finite and min(finite) > 0 and max(finite) / min(finite) > 8:
            log_scale(axes)
        axes.set_title(mine.name, fontsize=9, loc="left")
        axes.grid(color="#E4E4E4", linewidth=0.6)
        finish(axes)
    figure.supylabel(f"{title} of an image", fontsize=9)
    figure.supxlabel("iteration", fontsize=9)
    save(figure, path)


def _values(r: Result, group: str) -> list[float]:
    """mAP of a group and the upper end of its interval, as far as there are."""
    value = r.map(group)
    return [] if value is None else [value, *(r.evaluation["groups"][group].get("interval") or ())]


def _grid(count: int, height: float) -> tuple[Any, list[Any]]:
    """A figure of ``count`` panels of this height, inches, which share both axes."""
    columns = min(_COLUMNS, count)
    rows = math.ceil(count / columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.6 * columns + 0.6, height * rows + 0.4), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axes in _rest(grid, count):
        axes.set_visible(False)
    return figure, list(grid.flat)[:count]


def _rest(grid: np.ndarray, count: int) -> Iterator[Any]:
    """The places of the last row that no panel takes; the panel above each shows the axis instead."""
    for number, axes in enumerate(grid.flat):
        if number >= count:
            grid.flat[number - grid.shape[1]].tick_params(labelbottom=True)
            yield axes
