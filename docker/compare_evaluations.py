"""Compare what two engines measured on the same snapshots: every group's mAP, within a thousandth.

    python3 compare_evaluations.py FIRST SECOND     two folders of runs of one dataset, runs/<dataset>

The reference rows are left out: the untrained net's weights come from each engine's own random stream.
Exits with status 1 where they differ, where a variant was evaluated in one alone, or where both used the same engine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Features agree to some 1e-5; neighbours that are as near as that may change places in a list of 50.
TOLERANCE = 1e-3


def compare(first: dict, second: dict) -> float:
    """The largest difference of a group's mAP, 0 to 1; infinite where one has a figure and the other none."""
    worst = 0.0
    for name, values in first["groups"].items():
        pair = values["map"], second["groups"][name]["map"]
        worst = max(worst, 0.0 if pair == (None, None) else float("inf") if None in pair else abs(pair[0] - pair[1]))
    return worst


def main(first_runs: Path, second_runs: Path) -> int:
    variants = {path.parent.name for root in (first_runs, second_runs) for path in root.glob("*/evaluation.json")}
    status = 0 if variants else 1
    for variant in sorted(variants - {"random", "untrained"}):
        texts = [root / variant / "evaluation.json" for root in (first_runs, second_runs)]
        if not all(text.exists() for text in texts):
            print(f"{variant}: evaluated in one of {first_runs} and {second_runs} alone")
            status = 1
            continue
        first, second = (json.loads(text.read_text(encoding="utf-8")) for text in texts)
        worst = compare(first, second)
        alike = worst <= TOLERANCE and first["engine"] != second["engine"]
        status = status if alike else 1
        means = ", ".join(f"{100 * e['mean_map']:.2f} by {e['engine']}" for e in (first, second))
        verdict = "alike" if alike else "NOT ALIKE"
        print(f"{variant}: mean mAP {means}; largest difference of a group {100 * worst:.3f}: {verdict}")
    return status


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
