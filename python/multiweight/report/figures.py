"""The figures of a report: mAP of each group by method (Fig. 2), change against proportion, and the training curves.

Each is written as PNG and as SVG, beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import ticker

from multiweight.base import markup
from multiweight.paper.methods import colours
from multiweight.report import results, small_multiples
from multiweight.report.plot_style import MARKERS, finish, log_scale, plt, save
from multiweight.report.results import Result


def histogram(path: Path, evaluated: Sequence[Result]) -> bool:
    """Fig. 2: for each group one bar a trained method, groups by falling proportion; the reference rows as dashes.

    Of many methods a panel per group.
    """
    trained = [r for r in evaluated if r.trained]
    if len(trained) > small_multiples.MANY and evaluated[0].mean is not None:
        small_multiples.histogram(path, evaluated)
        return True
    groups = results.groups(evaluated)
    colour_of = _colours(trained)
    places = np.arange(len(groups))
    width = 0.84 / max(1, len(trained))
    inches = min(24.0, max(7.0, 2.0 + len(groups) * (0.22 + 0.13 * max(1, len(trained)))))
    figure, axes = plt.subplots(figsize=(inches, 4.6))
    for number, r in enumerate(trained):
        offset = (number - (len(trained) - 1) / 2) * width
        heights = _percents(r, groups)
        axes.bar(places + offset, heights, width * 0.94, color=colour_of[r.variant], label=r.name, zorder=2)
        ends = _ends(r, groups)
        if ends is not None:
            axes.errorbar(
                places + offset, heights, np.abs(ends - heights), fmt="none", ecolor="#333333", elinewidth=0.8, zorder=4
            )
    for r in evaluated:
        if not r.trained:
            colour, label = MARKERS[r.variant]
            heights = _percents(r, groups)
            axes.hlines(heights, places - 0.45, places + 0.45, color=colour, linewidth=1.8, label=label, zorder=3)
    proportions = [evaluated[0].evaluation["groups"][group]["proportion"] for group in groups]
    axes.set_xticks(places)
    labels = [f"{markup.figure(group)}\n{_short(r)}" for group, r in zip(groups, proportions)]
    axes.set_xticklabels(labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(0, 100)
    axes.set_ylabel(f"mAP@{evaluated[0].evaluation['k']} (%)")
    axes.set_xlabel("group, and its proportion of the training images")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7, zorder=0)
    finish(axes)
    axes.legend(
        ncol=len(evaluated), loc="lower left", bbox_to_anchor=(0, 1.01), frameon=False, fontsize=9, borderaxespad=0
    )
    save(figure, path)
    return True


def change(path: Path, evaluated: Sequence[Result]) -> bool:
    """Change of each group's mAP from the first trained method to each other, against the group's proportion.

    The first is multi-label where it was evaluated. Points of percent; proportions on a logarithmic axis. False, and no
    file, where there are not two trained methods.
    """
    trained = [r for r in evaluated if r.trained]
    if len(trained) < 2:
        return False
    groups, colour_of = results.groups(evaluated), _colours(trained)
    proportions = np.array([evaluated[0].evaluation["groups"][group]["proportion"] for group in groups])
    base = _percents(trained[0], groups)
    axis_label = f"change of mAP@{evaluated[0].evaluation['k']} from {trained[0].name} (points)"
    if len(trained) > small_multiples.MANY:
        changed = [(r.name, _percents(r, groups) - base) for r in trained[1:]]
        small_multiples.change(path, changed, proportions, axis_label)
        return True
    figure, axes = plt.subplots(figsize=(7.2, 4.4))
    axes.axhline(0, color="#555555", linewidth=0.8, zorder=1)
    shown = proportions > 0
    for r in trained[1:]:
        changes = _percents(r, groups) - base
        axes.plot(
            proportions[shown], changes[shown], "o", color=colour_of[r.variant], markersize=5, alpha=0.85, label=r.name,
            zorder=3,
        )  # fmt: skip
    axes.set_xscale("log")
    named = []
    for n, (group, x) in enumerate(zip(groups, proportions)):
        changes = [c for r in trained[1:] if math.isfinite(c := _percents(r, groups)[n] - base[n])]
        if x > 0 and changes:
            named.append((markup.figure(group), float(x), max(changes)))
    _name_points(axes, named)
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("proportion of the group in the training images")
    axes.set_ylabel(axis_label)
    axes.grid(color="#E4E4E4", linewidth=0.6, zorder=0)
    finish(axes)
    axes.legend(frameon=False, fontsize=9)
    save(figure, path)
    return True


def _name_points(axes: Any, named: Sequence[tuple[str, float, float]]) -> None:
    """Write (name, x, y) beside the points, each raised above those already written that it would cover."""
    drawn: list[Any] = []
    renderer = axes.figure.canvas.get_renderer()
    for name, x, y in sorted(named, key=lambda point: point[1:]):
        text = axes.annotate(name, (x, y), xytext=(3, 4), textcoords="offset points", fontsize=7, color="#444444")
        for _ in named:
            box = text.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in drawn):
                break
            text.xyann = (text.xyann[0], text.xyann[1] + 8)
        drawn.append(text.get_window_extent(renderer))


def curves(path: Path, evaluated: Sequence[Result]) -> bool:
    """Training losses by iteration; False, and no file, where no variant has a log.

    Left: sum_t J_t without weights, the same quantity for every method (dots: test phase). Right, where a method
    weighs its groups: the objective sum_t gamma_t J_t that it minimised. Values are an image's mean loss, smoothed by
    a running mean over a fiftieth of the points; the values themselves are drawn faintly. Of many methods a panel each,
    with the loss without weights where every log tells it, else the objective.
    """
    logged = [r for r in evaluated if r.log.iterations]
    if not logged:
        return False
    if len(logged) > small_multiples.MANY:
        unweighted = all(r.log.total for r in logged)
        values_of = [smoothed(r.log.total if unweighted else r.log.objective) for r in logged]
        name = "loss without weights, $\\Sigma_t\\,J_t$," if unweighted else "objective, $\\Sigma_t\\,\\gamma_t J_t$,"
        small_multiples.curves(path, logged, values_of, name)
        return True
    colour_of = _colours([r for r in evaluated if r.trained])
    weighted = [r for r in logged if not r.log.total or any(value != 1 for value in r.gamma.values())]
    totals = [r for r in logged if r.log.total]
    panels: list[tuple[str, list[tuple[Result, list[float]]]]] = []
    if totals:
        panels.append(("Loss without weights, $\\Sigma_t\\,J_t$", [(r, r.log.total) for r in totals]))
    if weighted:
        panels.append(("Objective, $\\Sigma_t\\,\\gamma_t J_t$", [(r, r.log.objective) for r in logged]))
    figure, grid = plt.subplots(1, len(panels), figsize=(6.2 * len(panels), 4.2), squeeze=False)
    for number, (axes, (title, lines)) in enumerate(zip(grid[0], panels)):
        drawn: list[float] = []
        for r, values in lines:
            colour, smooth = colour_of[r.variant], smoothed(values)
            axes.plot(r.log.iterations, values, color=colour, linewidth=0.6, alpha=0.25)
            axes.plot(r.log.iterations, smooth, color=colour, linewidth=1.6, label=r.name)
            drawn += [value for value in smooth if math.isfinite(value)]
            if totals and number == 0 and r.log.test:
                points = np.array(r.log.test)
                axes.plot(*points.T, "o", color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.6)
        if drawn and min(drawn) > 0 and max(drawn) / min(drawn) > 8:
            log_scale(axes)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("iteration")
        axes.grid(color="#E4E4E4", linewidth=0.6)
        finish(axes)
    grid[0][0].set_ylabel("loss of an image")
    if totals and any(r.log.test for r in totals):
        grid[0][0].plot([], [], "o", color="#555555", markersize=4, label="test images")
    handles, names = grid[0][0].get_legend_handles_labels()
    figure.legend(
        handles, names, frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(0.91, 0.5), borderaxespad=0
    )
    save(figure, path)
    return True


def smoothed(values: Sequence[float]) -> np.ndarray:
    """Centred running mean over a fiftieth of the points, narrower at the ends; NaN counts as missing."""
    x = np.asarray(values, dtype=np.float64)
    half = len(x) // 100
    finite = np.isfinite(x)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, x, 0.0))])
    counts = np.concatenate([[0], np.cumsum(finite)])
    place = np.arange(len(x))
    reach = np.minimum(half, np.minimum(place, len(x) - 1 - place))
    low, high = place - reach, place + reach + 1
    total = counts[high] - counts[low]
    return np.divide(sums[high] - sums[low], total, out=np.full(len(x), np.nan), where=total > 0)


def _colours(trained: Sequence[Result]) -> dict[str, str]:
    return colours([r.variant for r in trained])


def _percents(r: Result, groups: Sequence[str]) -> np.ndarray:
    return np.array([math.nan if (value := r.map(group)) is None else 100 * value for group in groups])


def _ends(r: Result, groups: Sequence[str]) -> np.ndarray | None:
    """(2, groups) ends of the 95% intervals in percent, NaN where there is none; None without any."""
    intervals = [r.evaluation["groups"][group].get("interval") for group in groups]
    if not any(intervals):
        return None
    return 100 * np.array([[math.nan, math.nan] if interval is None else interval for interval in intervals]).T


def _short(proportion: float) -> str:
    return f"{proportion:.2f}" if proportion >= 0.1 else f"{proportion:.2g}"
