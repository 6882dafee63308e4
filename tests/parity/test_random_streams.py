"""What is drawn at random: other numbers than the original's, from the same distributions."""

from __future__ import annotations

import numpy as np
import pytest
from deviations import Table, deviation
from pair import ENGINES, Pair

PROBES = ("fillers", "dropout", "dummy_data", "crops")
#: Drawn numbers lie within this many standard errors of each other: less than one in a million does not.
ERRORS = 5.0
SECTION = f"Random draws, in standard errors ({ERRORS:g} allowed)"


@pytest.fixture(scope="module")
def drawn(pair: Pair) -> dict[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """(the original's, ours) by probe."""
    result = pair.run([dict(kind="probe", name=name, probe=name) for name in PROBES])
    return {name: tuple(result[engine][name].values() for engine in ENGINES) for name in PROBES}  # type: ignore[misc]


def alike(table: Table, row: str, case: str, theirs: np.ndarray, ours: np.ndarray) -> None:
    """Equal distributions as far as mean, spread, and five quantiles tell; and not the same numbers."""
    assert theirs.shape == ours.shape and not np.array_equal(theirs, ours)
    theirs, ours = theirs.ravel().astype(np.float64), ours.ravel().astype(np.float64)
    n, both = theirs.size, np.concatenate([theirs, ours])
    spread = both.std()
    centred = ((both - both.mean()) / spread) ** 2
    worst = max(
        abs(theirs.mean() - ours.mean()) / (spread * np.sqrt(2 / n)),
        abs((theirs**2).mean() - (ours**2).mean()) / ((both**2).std() * np.sqrt(2 / n)),
    )
    assert centred.mean() > 0
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        limit = np.quantile(both, q)
        shares = [(side <= limit).mean() for side in (theirs, ours)]
        error = np.sqrt(2 * max(np.mean(shares) * (1 - np.mean(shares)), 1 / n) / n)
        worst = max(worst, abs(shares[0] - shares[1]) / error)
    assert worst <= ERRORS, f"{case}: {worst} standard errors apart"
    table.add(SECTION, row, "worst of mean, square, quantiles", case, float(worst))


def test_fillers(drawn: dict[str, tuple[dict[str, np.ndarray], ...]], table: Table) -> None:
    theirs, ours = drawn["fillers"]
    assert set(theirs) == set(ours)
    for name in theirs:
        if name in ("constant", "up"):
            assert deviation(ours[name], theirs[name]) < 1e-6
        else:
            alike(table, "fillers", name, theirs[name], ours[name])
    for side in (theirs, ours):
        # Each row of the unit ball sums to 1; a sparse filler leaves ten weights a column on average.
        np.testing.assert_allclose(side["positive_unitball"].sum(axis=1), 1, rtol=1e-4)
        assert side["gaussian_sparse"].astype(bool).sum(axis=0).mean() == pytest.approx(10, abs=1.5)
        assert abs(side["xavier"]).max() == pytest.approx(np.sqrt(3 / 100), rel=1e-3)


def test_dropout(drawn: dict[str, tuple[dict[str, np.ndarray], ...]], table: Table) -> None:
    theirs, ours = drawn["dropout"]
    for name in theirs:
        alike(table, "Dropout in training", name, theirs[name], ours[name])
    for ratio in (0.2, 0.5, 0.9):
        for side in (theirs, ours):
            top, diff = side[f"top/{ratio}"], side[f"diff/{ratio}"]
            assert np.array_equal(top, diff)
            np.testing.assert_allclose(np.unique(top), [0, 1 / (1 - ratio)], rtol=1e-6)


def test_dummy_data(drawn: dict[str, tuple[dict[str, np.ndarray], ...]], table: Table) -> None:
    theirs, ours = drawn["dummy_data"]
    for name in ("first", "second"):
        alike(table, "DummyData", name, theirs[name], ours[name])
    for side in (theirs, ours):
        assert not np.array_equal(side["first"], side["second"])
        assert (side["constant"] == 5).all()


def test_crops_and_mirrors(drawn: dict[str, tuple[dict[str, np.ndarray], ...]], table: Table) -> None:
    """Of each image the same crops come, mirrored or not, and each about as often."""
    theirs, ours = (side["crops"] for side in drawn["crops"])
    for image in range(theirs.shape[1]):
        sides = [
            np.unique(side[:, image].reshape(len(side), -1), axis=0, return_counts=True) for side in (theirs, ours)
        ]
        # 3 x 2 places of a 7 x 7 crop in 9 x 8 pixels, each mirrored or not.
        assert sides[0][0].shape[0] == 12 and np.array_equal(sides[0][0], sides[1][0])
        expected = len(theirs) / 12
        worst = max(float(np.abs(counts - expected).max() / np.sqrt(expected)) for _, counts in sides)
        assert worst <= ERRORS
        table.add(SECTION, "crops and mirrors", "worst of mean, square, quantiles", str(image), worst)
