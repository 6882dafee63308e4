from statistics import mean

import pytest

from multiweight.paper import eclothing
from multiweight.paper.methods import METHODS


def test_the_published_table():
    rows = eclothing.published()
    assert len(rows) == 24 and rows[0].group == "Color" and rows[-1].proportion == 0.0002
    assert mean(row.proportion for row in rows) == pytest.approx(0.3380, abs=5e-5)
    # The paper's text and tables disagree on the third mean: 55.23 in the text.
    means = {variant: mean(row.map[variant] for row in rows) for variant in METHODS}
    assert means == pytest.approx(
        {"multi_label": 52.48, "multi_task": 53.11, "multi_weight": 54.37, "multi_weight_third": 55.63}, abs=0.006
    )


def test_placeholder_sizes_meet_what_was_published():
    sizes = eclothing.placeholder_sizes(24)
    assert sum(sizes) == 830 and max(sizes) == 130 and min(sizes) == 2 and len(sizes) == 24
    assert sizes == sorted(sizes, reverse=True)


def test_placeholder_labels_say_what_they_are():
    catalog = eclothing.placeholder_catalog()
    assert catalog.size == 830 and catalog.names == tuple(eclothing.proportions())
    assert all(label.startswith("placeholder") for group in catalog.groups for label in group.labels)
    assert {group.kind for group in catalog.groups} == {"type", "attribute"}
