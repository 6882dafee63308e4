"""Reports of many runs: figures of small panels, and lengths that differ marked in the tables."""

from __future__ import annotations

import json
import re

import pytest

import synthetic_runs
from multiweight.report import conclusion, figures, report, results, small_multiples, tables


@pytest.fixture
def many(tmp_path):
    maps = dict(synthetic_runs.MAPS)
    maps |= {f"smoothed-c{n}": tuple(value + 0.01 * n for value in maps["multi_label"]) for n in range(1, 6)}
    dataset = synthetic_runs.write(tmp_path, variants=maps, maps=maps)
    training = dict(synthetic_runs.TRAINING, iterations=700)
    dataset.run("smoothed-c2").training.write_text(json.dumps(training))
    return dataset


def texts(svg):
    return re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8"))


def test_many_methods_have_a_panel_each(many):
    report.write(many)
    result = results.load(many)
    names = [r.name for r in result if r.trained]
    assert len(names) == 9 > small_multiples.MANY
    bars, lines = texts(many.report / "histogram.svg"), texts(many.report / "curves.svg")
    # A panel per group with a figure, the first with every method's name; a value at each of its bars.
    groups = ("Color", "Sleeve", "Collar", "odd_name")
    assert [text for text in bars if text in (*groups, "Empty")] == list(groups)
    assert all(bars.count(name) == 1 for name in names)
    assert bars.count(" 78.0") == 1 and bars.count("untrained net") == 1
    assert [text for text in lines if text in names] == names
    assert [text for text in texts(many.report / "change.svg") if text in names] == names[1:]


def test_few_methods_share_a_chart(tmp_path):
    result = results.load(synthetic_runs.write(tmp_path))
    figures.histogram(tmp_path / "a.png", result)
    assert texts(tmp_path / "a.svg").count("multi-label") == 1


def test_runs_of_different_length_are_marked_in_the_tables(many):
    result = results.load(many)
    assert results.lengths(result)["smoothed-c2"] == 700
    lengths = {row[0]: row[4] for row in tables.summary(result).rows}
    short = next(r.name for r in result if r.variant == "smoothed-c2")
    assert lengths.pop(short) == "700 (shorter)"
    assert set(lengths.values()) == {"1,500", "–"}
    table = tables.by_group(result)
    assert table.rows[-1][0] == "Iterations" and table.rows[-1][table.header.index(short)] == "700 (shorter)"
    assert conclusion.of(result, []).caution.endswith(f"(iterations: {short} 700, the others 1,500).")


def test_runs_of_one_length_are_not_marked(tmp_path):
    result = results.load(synthetic_runs.write(tmp_path))
    assert results.lengths(result) == {} and tables.by_group(result).rows[-1][0] != "Iterations"
