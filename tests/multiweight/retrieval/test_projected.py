"""Bounds in few principal directions: they hold, and a search by them is brute force."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import unchecked
from checkout import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import feature_sets, nearest
from multiweight.retrieval import matmul, plan, principal, projected, projected_screen, search
from multiweight.retrieval import nearest as retrieval
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.nearest import top_k
from multiweight.retrieval.principal import Directions, principal_directions
from multiweight.retrieval.projected import Projected
from multiweight.retrieval.rows import Rows

SHARED = """
import os, sys
import h5py
import numpy as np
from multiweight.retrieval import principal, top_k
choose, seen = principal.choose, []
principal.choose = lambda *args: seen.append(choose(*args)) or seen[-1]
with h5py.File(sys.argv[1], "r") as file:
    indices, scores = top_k(file["x"], 10, threads=1, device="cpu")
np.savez(sys.argv[2] + os.environ["RANK"], indices=indices, scores=scores, directions=len(seen[0].values))
"""


@st.composite
def spectra(draw, largest=60):
    """Sets whose variance falls slowly, steeply, to one direction or to none; with repeated rows and a common part."""
    n, d = draw(st.integers(2, largest)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    fall = draw(st.sampled_from([0.0, 0.3, 1.0, 3.0, 30.0]))
    x = generator.normal(size=(n, d)) * np.exp(-fall * np.arange(d))
    x = x @ np.linalg.qr(generator.normal(size=(d, d)))[0] * draw(st.sampled_from([0.0, 1e-4, 1.0]))
    x += draw(st.sampled_from([0.0, 1.0])) * generator.normal(size=d)
    x = x[generator.integers(0, n, size=n)] if draw(st.booleans()) else x
    return x.astype(np.float32)


@st.composite
def directions_of(draw, x):
    """Principal directions of a set, or any others: every choice has to give the same answer."""
    m = draw(st.integers(1, x.shape[1]))
    if draw(st.booleans()):
        scaled = x.astype(np.float64) / max(np.abs(x).max(), 1e-30)
        return principal_directions(scaled - scaled.mean(axis=0), min(m, *x.shape), 2)
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    return Directions.of(np.linalg.qr(generator.normal(size=(x.shape[1], m)))[0].T)


def sets():
    return st.one_of(spectra(), feature_sets(40)).filter(lambda x: len(x) > 1)


def search_by_bounds(x, gallery, k, metric, directions, sizes, known=None):
    """(indices, scores); no block goes to products of whole rows, so only the bounds can be to blame.

    With ``known``, the k-th best scores, the limits are as high as limits may ever be from the start.
    """
    rows, gallery_rows = Rows(x), None if gallery is None else Rows(gallery)
    space = Space(metric == "cosine", [rows, gallery_rows or rows])
    matmuls = matmul.available(x.shape[1], "cpu")
    with search.Search(rows, gallery_rows, k, space, sizes, matmuls, directions, 1) as opened_search:
        opened_search.matmul_screen.pairs = None
        if known is not None:
            np.maximum(opened_search.limits, space.lowest(known), out=opened_search.limits)
        for a, b in opened_search.tiles():
            opened_search.search_tile(a, b)
    return opened_search.ranking.indices, opened_search.ranking.scores


@pytest.fixture(scope="module", autouse=True)
def small_steps():
    """Blocks of a few rows are cut as large ones are, and no number of survivors is too many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projected_screen, "_ROWS", 5)
        patch.setattr(projected_screen, "_COLUMNS", 7)
        patch.setattr(projected_screen, "_WINDOW", 9)
        patch.setattr(projected_screen, "MOST_SHARE", 10**6)
        patch.setattr(projected_screen, "DIAGONAL_SHARE", 10**6)
        yield


@settings(max_examples=100, deadline=None)
@given(
    st.data(), sets(), st.integers(1, 60), st.sampled_from(retrieval.METRICS), st.integers(1, 30), st.integers(1, 70)
)
def test_a_set_against_itself_is_brute_force(data, x, k, metric, block, panel):
    k = min(k, len(x) - 1)
    directions = data.draw(directions_of(x))
    expected = nearest(x, x, k, metric, itself=True)
    known = expected[1][:, -1] if data.draw(st.booleans()) else None
    result = search_by_bounds(x, None, k, metric, directions, plan.Plan(block, panel, 50), known)
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


@settings(max_examples=60, deadline=None)
@given(
    st.data(), sets(), st.integers(1, 60), st.sampled_from(retrieval.METRICS), st.integers(1, 30), st.integers(1, 70)
)
def test_queries_against_a_gallery_are_brute_force(data, gallery, k, metric, block, panel):
    k = min(k, len(gallery))
    generator = np.random.default_rng(1)
    queries = np.concatenate([gallery[:9], generator.normal(size=(8, gallery.shape[1])).astype(np.float32)])
    directions = data.draw(directions_of(gallery))
    result = search_by_bounds(queries, gallery, k, metric, directions, plan.Plan(block, panel, 50))
    expected = nearest(queries, gallery, k, metric, itself=False)
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


def bounds(x, metric, directions):
    """(lower, true, upper) similarities of all pairs, true ones in extended precision."""
    rows = Rows(x)
    space = Space(metric == "cosine", [rows])
    with ThreadPoolExecutor(1) as pool:
        points, _, shift = projected.project(space, rows, None, directions, pool)
    numbers = np.arange(len(x))
    upper, lower = (
        (points.side(numbers, sign, True) @ points.side(numbers, sign, False).T).astype(np.longdouble) + 2 * shift
        for sign in (1, -1)
    )
    wide = x.astype(np.longdouble)
    if metric == "cosine":
        lengths = np.sqrt((wide**2).sum(1))[:, None]
        unit = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
        true = (unit[:, None] * unit).sum(2)
    else:
        true = -(((wide[:, None] - wide) / space.scale) ** 2).sum(2) / 2
    return lower, true, upper


@settings(max_examples=100, deadline=None)
@given(st.data(), sets(), st.sampled_from(retrieval.METRICS))
def test_the_bounds_hold(data, x, metric):
    lower, true, upper = bounds(x, metric, data.draw(directions_of(x)))
    assert (lower <= true).all() and (true <= upper).all()


def one_direction_left_out(metric):
    """Rows whose rests all lie in one direction, which is not among the three screened in: the bound is reached."""
    generator = np.random.default_rng(3)
    x = np.abs(generator.normal(size=(300, 8)))
    directions = Directions.of(np.eye(8)[:7])
    return x.astype(np.float32), directions


@pytest.mark.parametrize("metric", retrieval.METRICS)
def test_the_bound_is_tight_where_the_rests_are_parallel(metric):
    x, directions = one_direction_left_out(metric)
    lower, true, upper = bounds(x, metric, directions)
    assert (true <= upper).all() and float((upper - true).min()) < 1e-4
    assert float((true - lower).min()) < 1e-4


def lost(x, metric, directions, monkeypatch, change):
    """Whether a search loses neighbours once ``change`` has been made to every set of points."""
    original = Projected.__init__

    def spoiled(self, *args):
        original(self, *args)
        change(self)

    expected, scores = nearest(x, x, 5, metric, itself=True)
    options = x, None, 5, metric, directions, plan.Plan(64, 300, 10**6), scores[:, -1]
    assert (search_by_bounds(*options)[0] == expected).all()
    monkeypatch.setattr(Projected, "__init__", spoiled)
    return (search_by_bounds(*options)[0] != expected).any()


def shorter_rests(points):
    points.points[:, -1] *= 0.9995


def no_slack(points):
    points.slack[:] = -1e-6


@pytest.mark.parametrize("metric", retrieval.METRICS)
@pytest.mark.parametrize("change", [shorter_rests, no_slack])
def test_a_bound_too_low_by_a_hair_would_be_noticed(metric, change, monkeypatch):
    x, directions = one_direction_left_out(metric)
    assert lost(x, metric, directions, monkeypatch, change)


def falling(n, d, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(40, d))
    x = centres[generator.integers(0, 40, n)] + 0.5 * generator.normal(size=(n, d))
    return (np.abs(x * (1 + np.arange(d)) ** -1.0) + 1e-3).astype(np.float32)


@pytest.fixture
def chosen(monkeypatch):
    """The directions that searches have chosen."""
    choices, choose = [], principal.choose
    monkeypatch.setattr(principal, "choose", lambda *args: choices.append(choose(*args)) or choices[-1])
    return choices


@pytest.mark.parametrize("metric", retrieval.METRICS)
def test_a_falling_spectrum_is_searched_by_bounds_and_a_flat_one_is_not(metric, chosen):
    x = falling(4500, 256)
    result = top_k(x, 10, metric, device="cpu")
    assert chosen[0] is not None
    wide = x.astype(np.float64)
    some = np.arange(0, 4500, 50)
    squares = (wide**2).sum(1)
    dots = wide[some] @ wide.T
    scores = dots / np.sqrt(squares[some, None] * squares) if metric == "cosine" else 2 * dots - squares
    scores[np.arange(len(some)), some] = -np.inf
    np.testing.assert_array_equal(result[0][some], np.argsort(-scores, axis=1, kind="stable")[:, :10])
    top_k(np.random.default_rng(1).normal(size=(4500, 256)).astype(np.float32), 10, metric, device="cpu")
    assert chosen[1] is None


def test_neither_memory_block_nor_threads_nor_bounds_change_the_answer(tmp_path, chosen, monkeypatch):
    x = falling(4500, 256)
    x[3000:3200] = x[:200]
    expected = top_k(x, 10, device="cpu", threads=1)
    with h5py.File(str(tmp_path / "x.h5"), "w") as file:
        file.create_dataset("x", data=x, chunks=(50, 256))
    with h5py.File(str(tmp_path / "x.h5"), "r") as file:
        for options in (dict(memory=6 << 20), dict(memory=9 << 20, threads=3, block=300)):
            result = top_k(file["x"], 10, device="cpu", **options)
            assert chosen[-1] is not None
            np.testing.assert_array_equal(result[0], expected[0])
            np.testing.assert_array_equal(result[1], expected[1])
    monkeypatch.setattr(principal, "LEAST_ROWS", 10**6)
    result = top_k(x, 10, device="cpu", threads=2)
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


def test_a_stopped_search_by_bounds_goes_on(tmp_path, chosen, monkeypatch):
    x = falling(4500, 256)
    with h5py.File(str(tmp_path / "x.h5"), "w") as file:
        file.create_dataset("x", data=x)
    options = dict(memory=9 << 20, device="cpu", threads=1, state=tmp_path / "state.npz")
    done, do = [], search.Search.search_tile

    def stopping(self, rows, columns, progress=None):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append((rows, columns))
        do(self, rows, columns, progress)

    with h5py.File(str(tmp_path / "x.h5"), "r") as file:
        monkeypatch.setattr(search.Search, "search_tile", stopping)
        with pytest.raises(KeyboardInterrupt):
            top_k(file["x"], 10, **options)
        before = list(done)
        done[:] = [None] * 3
        result = top_k(file["x"], 10, **options)
    assert None not in chosen and len(done) > 3 and not set(before) & set(done)
    expected = top_k(x, 10, device="cpu")
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


def test_processes_that_share_a_search_by_bounds_give_the_same(tmp_path):
    unchecked.package("torch", "a search by bounds that processes share")
    x = falling(4500, 256)
    with h5py.File(str(tmp_path / "x.h5"), "w") as file:
        file.create_dataset("x", data=x)
    script = tmp_path / "script.py"
    script.write_text(SHARED)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
        + [str(script), str(tmp_path / "x.h5"), str(tmp_path / "found")],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = top_k(x, 10, device="cpu")
    for rank in range(2):
        result = np.load(tmp_path / f"found{rank}.npz")
        assert result["directions"] > 0
        np.testing.assert_array_equal(result["indices"], expected[0])
        np.testing.assert_array_equal(result["scores"], expected[1])
