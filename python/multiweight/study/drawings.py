"""The figures of a study: mAP of each group by method, its change against the group's proportion, and convergence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import ticker

from multiweight.base import markup
from multiweight.paper.methods import UNTRAINED, colours, title
from multiweight.report.plot_style import MARKERS, finish, plt, save
from multiweight.study import findings
from multiweight.study.findings import Findings


def bars(path: Path, result: Findings) -> None:
    """Fig. 2 with intervals: mean over seeds, and Student's t over them where there are several."""
    lines, groups = result.lines, result.groups
    colour_of = colours([line.method.name for line in lines])
    places, width = np.arange(len(groups)), 0.84 / len(lines)
    figure, axes = plt.subplots(figsize=(min(24.0, 3.0 + len(groups) * (0.25 + 0.12 * len(lines))), 4.6))
    for number, line in enumerate(lines):
        estimates = [line.estimate(group) for group in groups]
        heights = 100 * np.array([group_estimate.value for group_estimate in estimates])
        at = places + (number - (len(lines) - 1) / 2) * width
        name = line.method.name
        axes.bar(at, heights, width * 0.94, color=colour_of[name], label=title(name), zorder=2)
        low = 100 * np.array(
            [group_estimate.seeds[0] if group_estimate.seeds else np.nan for group_estimate in estimates]
        )
        if np.isfinite(low).any():
            axes.errorbar(at, heights, heights - low, fmt="none", ecolor="#333333", elinewidth=0.8, zorder=4)
    colour, label = MARKERS[UNTRAINED]
    values = 100 * np.array([result.untrained_map(group) for group in groups])
    axes.hlines(values, places - 0.45, places + 0.45, color=colour, linewidth=1.8, label=label, zorder=3)
    shown = [f"{markup.figure(group)}\n{result.proportions[group]:.2g}" for group in groups]
    axes.set_xticks(places, shown, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(0, 100)
    axes.set_ylabel("mAP@50 (%)")
    axes.set_xlabel("group, and its proportion of the training images")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7, zorder=0)
    finish(axes)
    axes.legend(ncol=len(lines) + 1, loc="lower left", bbox_to_anchor=(0, 1.01), frameon=False, fontsize=9)
    save(figure, path, svg=False)


def changes(path: Path, result: Findings) -> bool:
    """Difference of each group's mAP from the first method's, against the group's proportion; bars: t over seeds."""
    lines, groups = result.lines, result.groups
    if len(lines) < 2:
        return False
    colour_of = colours([line.method.name for line in lines])
    x = np.array([result.proportions[group] for group in groups])
    figure, axes = plt.subplots(figsize=(7.6, 4.6))
    axes.axhline(0, color="#555555", linewidth=0.8, zorder=1)
    for number, line in enumerate(lines[1:]):
        estimates = [findings.difference(line, lines[0], [group], part=None) for group in groups]
        y = 100 * np.array([group_estimate.value for group_estimate in estimates])
        half = y - 100 * np.array(
            [group_estimate.seeds[0] if group_estimate.seeds else group_estimate.value for group_estimate in estimates]
        )
        name, beside = line.method.name, 1 + 0.03 * (number - (len(lines) - 2) / 2)
        axes.errorbar(x * beside, y, half, fmt="o", markersize=4, elinewidth=0.7, color=colour_of[name],
                      label=title(name), zorder=3)  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("proportion of the group in the training images")
    axes.set_ylabel(f"change of mAP@50 from {title(lines[0].method.name)} (points)")
    axes.grid(color="#E4E4E4", linewidth=0.6, zorder=0)
    finish(axes)
    axes.legend(frameon=False, fontsize=9)
    save(figure, path, svg=False)
    return True


def convergence(path: Path, result: Findings) -> None:
    """Mean mAP against iterations: the mean over seeds as a line, each seed as a dot, the untrained nets at 0."""
    lines = result.lines
    colour_of = colours([line.method.name for line in lines])
    start = 100 * result.untrained_map()
    figure, axes = plt.subplots(figsize=(7.2, 4.4))
    for line in lines:
        iterations, values = line.curve()
        name = line.method.name
        axes.plot([0, *iterations], [start, *(100 * values.mean(axis=0))], color=colour_of[name], label=title(name))
        axes.plot(np.tile(iterations, len(values)), 100 * values.ravel(), "o", color=colour_of[name], markersize=3)
    axes.axhline(start, color=MARKERS[UNTRAINED][0], linewidth=0.8, linestyle=":", label=MARKERS[UNTRAINED][1])
    axes.set_xlabel("iteration")
    axes.set_ylabel("mean mAP@50 (%)")
    axes.grid(color="#E4E4E4", linewidth=0.6)
    finish(axes)
    axes.legend(frameon=False, fontsize=9)
    save(figure, path, svg=False)
