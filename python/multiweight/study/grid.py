"""What an experiment found over all its drawn shops: one table, and one figure of mAP gained over the dials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multiweight.paper.methods import title
from multiweight.report.plot_style import plt, save
from multiweight.report.tables import DASH, Table
from multiweight.study import estimates, findings, gate, order
from multiweight.study.design import Experiment, Method, Shop, Study
from multiweight.study.estimates import Estimate
from multiweight.study.findings import Findings, Line
from multiweight.study.gate import Gate

#: What a dial is called in tables and figures, and its unit.
TITLES = {
    "wrong": "wrong labels (share)",
    "missing": "missing labels (share)",
    "tail": "imbalance (power of the groups' shares)",
}


@dataclass(frozen=True)
class Grid:
    """The experiments of one family by the values of their dials, in the order of the file.

    Each position has one shop, or several that differ by their seed: then its figures are means over shops.
    ``lengths`` tells the iterations of each.
    """

    name: str
    question: str
    dials: tuple[str, ...]
    shops: dict[tuple[float, ...], tuple[Findings | None, ...]]
    lengths: dict[tuple[float, ...], str]

    @property
    def done(self) -> list[Findings]:
        """Of every shop with a finished trial."""
        return [shop for shops in self.shops.values() for shop in shops if shop is not None and shop.lines]

    @property
    def most(self) -> int:
        """Shops at a position."""
        return max(len(shops) for shops in self.shops.values())

    def values(self, number: int) -> list[float]:
        """The positions of a dial, lowest first."""
        return sorted({at[number] for at in self.shops})


def read(study: Study, family: str, results: order.Results) -> Grid:
    """What the experiments of ``family`` found so far."""
    members = [experiment for experiment in study.experiments if experiment.family == family]
    shops: dict[tuple[float, ...], tuple[Findings | None, ...]] = {}
    lengths: dict[tuple[float, ...], str] = {}
    for experiment in members:
        at = _shop(experiment).position
        shops[at] = (*shops.get(at, ()), findings.read(study, experiment, results))
        own = [study.length_of(experiment, method) for method in experiment.methods]
        lengths[at] = ", ".join(f"{length:,}" for length in dict.fromkeys(own))
        if experiment.drop is not None:
            lengths[at] += f" (the rate drops after {experiment.drop:.0%})"
    return Grid(family, members[0].question, _shop(members[0]).dials, shops, lengths)


def gates(study: Study, grid: Grid) -> dict[tuple[float, ...], Gate]:
    """Whether the nets have learned, by position: of means over its shops with a finished trial."""
    done = {at: [shop for shop in shops if shop is not None and shop.lines] for at, shops in grid.shops.items()}
    return {at: gate.check(study, *shops) for at, shops in done.items() if shops}


def table(study: Study, grid: Grid) -> Table:
    """A row per position: each method's mean mAP@50 (rate) and its difference from the first method's, bold if clear.

    Where positions differ in their iterations, a column tells them; with several shops a position, one tells how many
    of them have both methods' trials. The last tells what the gate says, and which conditions do not hold.
    """
    checked = gates(study, grid)
    names = [method.name for method in _members(grid)]
    own_lengths = len(set(grid.lengths.values())) > 1
    header = [_called(grid, n) for n in range(len(grid.dials))] + ["iterations"] * own_lengths
    header += ["shops"] * (grid.most > 1) + [title(name) for name in names]
    for name in names[1:]:
        header += [f"{title(name)} minus {title(names[0])}", f"over {'shops' if grid.most > 1 else 'seeds'}"]
    rows = []
    clear = _clear(grid, names[1:])
    for at, all_shops in grid.shops.items():
        # Means over the shops in which every method has run, so that their difference is the one that is told.
        whole = [shop for shop in all_shops if all(_lines([shop], name) for name in names)]
        shops = whole or all_shops
        cells = [f"{value:g}" for value in at] + [grid.lengths[at]] * own_lengths
        if grid.most > 1:
            cells.append(str(len(whole)))
        for name in names:
            lines = _lines(shops, name)
            mean = float(np.mean([line.estimate().value for line in lines])) if lines else 0.0
            cells.append(f"{100 * mean:.2f} ({lines[0].rate:g})" if lines else DASH)
        for name in names[1:]:
            gained = _gain(all_shops, name)
            value = DASH if gained is None else f"{100 * gained.value:+.2f}"
            cells.append(f"**{value}**" if (at, name) in clear else value)
            ends = gained.seeds if gained else None
            cells.append(f"{100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}" if ends else DASH)
        untrained = [shop.untrained_map() for shop in shops if shop is not None]
        cells.append(f"{100 * np.mean(untrained):.2f}" if untrained else DASH)
        conditions = checked[at].checks if at in checked else ()
        failed = [f"{condition.name} {condition.value}" for condition in conditions if not condition.passed]
        rows.append([*cells, DASH if at not in checked else f"no: {', '.join(failed)}" if failed else "yes"])
    return Table([*header, "untrained", "have the nets learned"], rows)


def heat_map(path: Path, grid: Grid) -> None:
    """A panel per method: its gain of mean mAP@50 over the first method at each pair of dials; ``*`` if clear."""
    names = [method.name for method in _members(grid)]
    ys = grid.values(0) if grid.dials else [0.0]
    xs = grid.values(1) if len(grid.dials) > 1 else [0.0]
    gains = np.full((len(names) - 1, len(ys), len(xs)), np.nan)
    clear, stars = _clear(grid, names[1:]), np.zeros(gains.shape, bool)
    for at, shops in grid.shops.items():
        place = ys.index(at[0]) if at else 0, xs.index(at[1]) if len(at) > 1 else 0
        for panel, name in enumerate(names[1:]):
            gained = _gain(shops, name)
            if gained is not None:
                gains[panel][place], stars[panel][place] = 100 * gained.value, (at, name) in clear
    most = float(np.nanmax(np.abs(gains), initial=1.0))
    size = (1.6 + 3.1 * (len(names) - 1), 1.3 + 0.75 * len(ys))
    figure, panels = plt.subplots(1, len(names) - 1, figsize=size, squeeze=False, sharey=True, layout="constrained")
    for panel, name in enumerate(names[1:]):
        axes = panels[0][panel]
        image = axes.imshow(gains[panel], cmap="PuOr", vmin=-most, vmax=most, aspect="auto", origin="lower")
        for row, column in np.ndindex(len(ys), len(xs)):
            value = gains[panel, row, column]
            if np.isfinite(value):
                dark = abs(value) > 0.6 * most
                axes.text(column, row, f"{value:+.1f}{'*' if stars[panel, row, column] else ''}", ha="center",
                          va="center", fontsize=9, color="white" if dark else "black")  # fmt: skip
        axes.set_yticks(range(len(ys)), [f"{value:g}" for value in ys])
        axes.set_xticks(range(len(xs)), [f"{value:g}" for value in xs])
        axes.set_xlabel(_called(grid, 1), fontsize=8)
        axes.set_title(f"{title(name)} minus {title(names[0])}", fontsize=9)
        axes.tick_params(length=0, labelsize=8)
    panels[0][0].set_ylabel(_called(grid, 0), fontsize=8)
    figure.colorbar(image, ax=list(panels[0])).set_label("mean mAP@50, points", fontsize=8)
    save(figure, path, svg=False)


def _clear(grid: Grid, names: Sequence[str]) -> set[tuple[tuple[float, ...], str]]:
    """The positions and methods whose gain is clear, corrected for all that are read in the table."""
    gains = [(at, name, _gain(shops, name)) for at, shops in grid.shops.items() for name in names]
    corrected = estimates.holm([gain.p if gain else None for _, _, gain in gains])
    return {(at, name) for (at, name, _), p in zip(gains, corrected) if p is not None and p < estimates.SIGNIFICANT}


def _called(grid: Grid, number: int) -> str:
    return TITLES.get(grid.dials[number], grid.dials[number]) if number < len(grid.dials) else ""


def _members(grid: Grid) -> Sequence[Method]:
    return grid.done[0].experiment.methods


def _lines(shops: Sequence[Findings | None], name: str) -> list[Line]:
    """Of one method, a line for each shop with a finished trial of it."""
    return [line for shop in shops if shop is not None for line in shop.lines if line.method.name == name]


def _gain(shops: Sequence[Findings | None], name: str) -> Estimate | None:
    """The difference of a method from the first of its experiment; None before both have run.

    Of one shop, with the intervals over its seeds and queries; of several, over shops, each the mean over its seeds.
    """
    gains = []
    for shop in shops:
        lines = {line.method.name: line for line in shop.lines} if shop else {}
        first = shop.experiment.methods[0].name if shop else ""
        if name in lines and first in lines and set(lines[name].seeds) & set(lines[first].seeds):
            gains.append(findings.difference(lines[name], lines[first]))
    if not gains:
        return None
    return gains[0] if len(shops) == 1 else estimates.estimate(np.array([gain.value for gain in gains]))


def _shop(experiment: Experiment) -> Shop:
    assert experiment.shop is not None, "a family is made of shops"
    return experiment.shop
