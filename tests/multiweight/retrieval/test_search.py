"""The search against brute force, and against itself in every other order, size, split and arithmetic."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
import threadpoolctl
from checkout import REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st

from brute_force import feature_sets, nearest
from multiweight.base import hdf5_file
from multiweight.base.errors import UserError
from multiweight.retrieval import matmul, matmul_screen, plan, search
from multiweight.retrieval import nearest as retrieval
from multiweight.retrieval.blocks import Space
from multiweight.retrieval.exact import ExactScores
from multiweight.retrieval.nearest import top_k
from multiweight.retrieval.rows import Rows


def ladders(d):
    torch = pytest.importorskip("torch")
    assert torch
    rest = [matmul.NumpyMatmul(np.float32, d), matmul.NumpyMatmul(np.float64, d)]
    return {
        "numpy": rest,
        "float64": rest[1:],
        "bfloat16": [matmul.DeviceMatmul(d, "cpu"), *rest],
    }


def searched(x, k, metric, ladder, sizes, directions=None, gallery=None, change=None):
    """The ranking of a search of all tiles, after ``change`` has been made to it."""
    rows, others = Rows(x), None if gallery is None else Rows(gallery)
    space = Space(metric == "cosine", [rows, others or rows])
    with search.Search(rows, others, k, space, sizes, ladder, directions, 1) as one:
        if change is not None:
            change(one)
        for a, b in one.tiles():
            one.search_tile(a, b)
    return one.ranking


@settings(max_examples=80, deadline=None)
@given(
    feature_sets(40),
    st.integers(1, 12),
    st.sampled_from(retrieval.METRICS),
    st.sampled_from(["numpy", "float64", "bfloat16"]),
    st.integers(1, 20),
    st.integers(1, 30),
    st.booleans(),
)
def test_any_product_block_panel_and_pending_gives_brute_force(x, k, metric, ladder, block, panel, crowded):
    k = min(k, max(1, len(x) - 1))
    if len(x) < 2:
        return
    # Pairs are scored early, and every block leaves too many, in turn.
    before, matmul_screen.MOST_PAIRS = matmul_screen.MOST_PAIRS, -(10**6) if crowded else matmul_screen.MOST_PAIRS
    try:
        ranking = searched(x, k, metric, ladders(x.shape[1])[ladder], plan.Plan(block, panel, 20))
    finally:
        matmul_screen.MOST_PAIRS = before
    expected_indices, expected_scores = nearest(x, x, k, metric, itself=True)
    np.testing.assert_array_equal(ranking.indices, expected_indices)
    np.testing.assert_array_equal(ranking.scores, expected_scores)


@settings(max_examples=60, deadline=None)
@given(feature_sets(20), st.integers(1, 25), st.integers(0, 10**6), st.sampled_from(retrieval.METRICS))
def test_queries_against_a_gallery(gallery, k, seed, metric):
    generator = np.random.default_rng(seed)
    queries = np.concatenate([gallery[:3], generator.normal(size=(5, gallery.shape[1])).astype(np.float32)])
    indices, scores = top_k(queries, k, metric, gallery, block=4)
    expected_indices, expected_scores = nearest(queries, gallery, k, metric, itself=False)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_array_equal(scores, expected_scores)


@pytest.mark.parametrize("metric", retrieval.METRICS)
@pytest.mark.parametrize("ladder", ["numpy", "bfloat16"])
def test_the_bound_of_a_product_holds(metric, ladder):
    generator = np.random.default_rng(2)
    x = np.maximum(generator.normal(size=(300, 500)) + 1, 0).astype(np.float32)
    rows = Rows(x)
    space = Space(metric == "cosine", [rows])
    product = ladders(500)[ladder][0]
    block = space.block(product, rows, x, 0, np.arange(300))
    kept = np.full(300, -np.inf)
    values = product.multiply(block.stored, block.stored)
    i, j, found = product.select(values, (block.bias, block.bias), (kept, kept), True)
    assert len(i) == 300 * 299 // 2 and (i < j).all()
    wide = x.astype(np.longdouble)
    if metric == "cosine":
        unit = wide / np.sqrt((wide**2).sum(1))[:, None]
        true = (unit[i] * unit[j]).sum(1)
    else:
        true = -(((wide[i] - wide[j]) / space.scale) ** 2).sum(1) / 2
    one = (block.lengths[i], block.errors[i], np.abs(block.bias[i]))
    other = (block.lengths[j], block.errors[j], np.abs(block.bias[j]))
    bound = space.error(product, one, other) + product.output * np.abs(found - block.bias[i] - block.bias[j])
    off = np.abs(found.astype(np.float64) - true.astype(np.float64))
    assert (off <= bound).all()
    # And it is the bound of this arithmetic: float64 would be a million times closer.
    assert off.max() > 1e-4 * bound.min()


def test_a_product_with_a_wrong_bound_would_be_noticed():
    """The tests above can fail: without room for its rounding, bfloat16 loses neighbours."""
    x = np.random.default_rng(0).normal(size=(400, 64)).astype(np.float32)

    def trust(one):
        one.space.error = lambda *_: 0.0
        one.matmul_screen.matmuls[0].output = 0.0

    ranking = searched(x, 5, "cosine", ladders(64)["bfloat16"], plan.Plan(100, 400, 10**6), change=trust)
    assert (ranking.indices != nearest(x, x, 5, "cosine", itself=True)[0]).any()


def written(path, x, dtype=np.float32):
    with h5py.File(str(path), "w") as file:
        file.create_dataset("fc7", data=x.astype(dtype))
        file.create_dataset("keys", data=np.array([f"id{n}".encode() for n in range(len(x))]))
        hdf5_file.describe(file, {"blob": "fc7"})
    return path


def test_a_file_read_by_panels_gives_the_same_as_an_array(tmp_path):
    x = np.random.default_rng(1).normal(size=(1500, 64)).astype(np.float32)
    path = written(tmp_path / "f.h5", x)
    expected = top_k(x, 7)
    with h5py.File(str(path), "r") as file:
        for source in (path, str(path), file["fc7"]):
            # 1 MB: some panels of a few hundred rows.
            assert plan.plan(Rows(file["fc7"]), None, 7, 1 << 20, 1, None).panel < 800
            found = top_k(source, 7, memory=1 << 20)
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])


def test_float16_storage_is_read_as_its_values(tmp_path):
    x = np.random.default_rng(1).normal(size=(80, 16)).astype(np.float16)
    found = top_k(written(tmp_path / "f.h5", x, np.float16), 5)
    np.testing.assert_array_equal(found[0], nearest(x.astype(np.float32), x.astype(np.float32), 5, "cosine", True)[0])


def test_mistakes_are_named(tmp_path):
    x = np.ones((50, 4), np.float32)
    x[[7, 9]] = np.nan
    with pytest.raises(UserError, match="2 image.s.: id7, id9"):
        top_k(written(tmp_path / "f.h5", x))
    path = written(tmp_path / "cut.h5", np.ones((500, 50)))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="not a whole features file"):
        top_k(path)
    with pytest.raises(UserError, match="queries of 4 values, candidates of 5"):
        top_k(np.ones((2, 4)), candidates=np.ones((2, 5)))
    with pytest.raises(UserError, match="memory of 0 MB is too little for 2000 rows of 64 values, k = 50: give 5 MB"):
        top_k(written(tmp_path / "g.h5", np.ones((2000, 64))), memory=1000)


class Stop(Exception):
    pass


def test_a_stopped_search_goes_on(tmp_path, monkeypatch):
    x = np.random.default_rng(1).normal(size=(1500, 64)).astype(np.float32)
    path, state = written(tmp_path / "f.h5", x), tmp_path / "state.npz"
    done, way = [], search.Search.search_tile

    def do(self, rows, columns, progress=None):
        if len(done) == 4:
            raise Stop
        done.append((rows, columns))
        way(self, rows, columns, progress)

    monkeypatch.setattr(search.Search, "search_tile", do)
    with pytest.raises(Stop):
        top_k(path, 7, memory=1 << 20, state=state)
    before = list(done)
    done.insert(0, None)  # never 4 again at the check
    done[:] = [None] * 10
    told = []
    found = top_k(path, 7, memory=1 << 20, state=state, progress=told.append)
    assert not set(before) & set(done[10:]) and sum(told) == 1500
    np.testing.assert_array_equal(found[0], top_k(x, 7)[0])
    with pytest.raises(UserError, match="state of another search"):
        top_k(path, 8, memory=1 << 20, state=state)
    mirrored = x * np.where(np.arange(64) == 3, -1, 1).astype(np.float32)  # of the same lengths
    mirrored[::2] = x[::2]
    with pytest.raises(UserError, match="state of another search"):
        top_k(written(tmp_path / "g.h5", mirrored), 7, memory=1 << 20, state=state)
    for content in (b"PK nonsense", b""):
        state.write_bytes(content)
        with pytest.raises(UserError, match="not a search's state"):
            top_k(path, 7, memory=1 << 20, state=state)


SHARED = """
import json, sys
import numpy as np
from multiweight.retrieval import top_k
indices, scores = top_k(sys.argv[1], 6, sys.argv[2], threads=1, device="cpu")
np.savez(sys.argv[3] + __import__("os").environ["RANK"], indices=indices, scores=scores)
"""


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_under_torchrun_give_the_same(tmp_path, processes):
    pytest.importorskip("torch")
    x = np.random.default_rng(1).normal(size=(400, 32)).astype(np.float32)
    x[300:] = x[:100]
    path, script = written(tmp_path / "f.h5", x), tmp_path / "script.py"
    script.write_text(SHARED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1"}
    for metric in retrieval.METRICS:
        done = subprocess.run(
            [*command, str(script), str(path), metric, str(tmp_path / metric)],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        expected = top_k(x, 6, metric)
        for rank in range(processes):
            found = np.load(tmp_path / f"{metric}{rank}.npz")
            np.testing.assert_array_equal(found["indices"], expected[0])
            np.testing.assert_array_equal(found["scores"], expected[1])


def test_threads_change_nothing():
    x = np.random.default_rng(1).normal(size=(900, 24)).astype(np.float32)
    one, three = (top_k(x, 9, threads=threads, block=200) for threads in (1, 3))
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])


def blas_threads():
    """Of the BLAS that NumPy's products take: FAISS and others bring one of their own where they are loaded."""
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    return max(pool["num_threads"] for pool in pools if "numpy" in pool["filepath"] or len(pools) == 1)


@pytest.mark.parametrize("threads, calls, each", [(1, 1, 1), (2, 2, 1), (5, 5, 1), (16, 8, 2), (200, 8, 25)])
def test_products_share_the_threads(monkeypatch, threads, calls, each):
    x = np.random.default_rng(4).normal(size=(40, 6)).astype(np.float32)
    before, seen, multiply = blas_threads(), [], matmul.NumpyMatmul.multiply
    stack, found = matmul.limit_blas_threads(matmul.NumpyMatmul(np.float32, 6), threads, 8)
    stack.close()
    assert found == calls

    def watch(self, a, b):
        seen.append(blas_threads())
        return multiply(self, a, b)

    monkeypatch.setattr(matmul, "_torch", lambda: None)
    monkeypatch.setattr(matmul.NumpyMatmul, "multiply", watch)
    rows = Rows(x)
    whole = matmul.available(6, "cpu")
    with search.Search(
        rows, None, 3, Space(True, [rows]), plan.Plan(4, 40, 10**6, ahead=8), whole, None, threads
    ) as one:
        for a, b in one.tiles():
            one.search_tile(a, b)
    assert len(seen) >= 55 and max(seen) <= each
    assert blas_threads() == before
    assert np.array_equal(one.ranking.indices, nearest(x, x, 3, "cosine", True)[0])


def test_without_threadpoolctl_it_is_one_product_at_a_time(monkeypatch):
    x = np.random.default_rng(4).normal(size=(40, 6)).astype(np.float32)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "threadpoolctl", None)
        assert matmul.limit_blas_threads(matmul.NumpyMatmul(np.float32, 6), 4, 8)[1] == 1
        alone = top_k(x, 3, threads=4, block=4)
    together = top_k(x, 3, threads=4, block=4)
    assert np.array_equal(alone[0], together[0]) and np.array_equal(alone[1], together[1])


def test_the_same_neighbours_as_faiss_where_scores_differ():
    faiss = pytest.importorskip("faiss")
    generator = np.random.default_rng(3)
    x = np.maximum(generator.normal(size=(1200, 128)), 0).astype(np.float32)
    x[1000:1100] = x[:100]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for index, metric in ((faiss.IndexFlatIP(128), "cosine"), (faiss.IndexFlatL2(128), "euclidean")):
        data = unit if metric == "cosine" else x
        index.add(data)
        theirs, found = index.search(data, 21)
        # FAISS subtracts squares, and is off by that much.
        indices, scores = top_k(x, 20, metric)
        for row in range(len(x)):
            keep = np.flatnonzero(found[row] != row)[:20]
            t = theirs[row][keep]
            ours = np.sort(scores[row] if metric == "cosine" else np.square(scores[row]))
            assert np.abs(np.sort(t) - ours).max() < (1e-5 if metric == "cosine" else 1e-3)
            clear = scores[row] > scores[row][-1] + 1e-4
            assert set(indices[row][clear]) <= set(found[row])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc")
def test_memory_stays_below_the_bound(tmp_path):
    """49 MB of features, streamed by a process that may take 16 MB beside its libraries; 12 more are the heaps' of its
    three threads, and all of it is well below the features.

    The first search loads the libraries, whose buffers are made as the first panels come.
    """
    x = np.random.default_rng(1).normal(size=(6000, 2048)).astype(np.float32)
    path, small = written(tmp_path / "f.h5", x), written(tmp_path / "small.h5", x[:2000])
    script = f"""
import json, resource, sys
import numpy as np
from multiweight.retrieval import nearest
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) << 10
nearest.top_k({str(small)!r}, 10, memory=16 << 20, device="cpu", threads=1)
before = peak()
nearest.top_k({str(path)!r}, 10, memory=16 << 20, device="cpu", threads=1)
print(json.dumps(peak() - before))
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) < 28 << 20


@pytest.mark.parametrize("metric", retrieval.METRICS)
def test_equal_features_cost_little_and_go_by_index(metric, monkeypatch):
    """A dead net gives every image the same feature: once a row has k perfect scores, nothing later is computed."""
    computed, way = [], ExactScores.many_to_many
    monkeypatch.setattr(
        ExactScores, "many_to_many", lambda self, a, *rest: computed.append(len(a)) or way(self, a, *rest)
    )
    x = np.tile(np.random.default_rng(1).random(8).astype(np.float32), (1500, 1))
    x[1400:] += 1
    indices, scores = top_k(x, 3, metric, block=100)
    assert indices[0].tolist() == [1, 2, 3] and (indices[4:1400] == [0, 1, 2]).all()
    assert indices[1400].tolist() == [1401, 1402, 1403] and (scores == (1 if metric == "cosine" else 0)).all()
    # 15 blocks on the diagonal and those of the first rows, of 120 in all.
    assert sum(computed) <= 40 * 100


@pytest.mark.parametrize("scale", [1e-38, 1e-40, 1e-44, 1e30])
@pytest.mark.parametrize("metric", retrieval.METRICS)
def test_the_smallest_and_largest_values_have_neighbours_too(scale, metric):
    x = (np.random.default_rng(5).normal(size=(40, 8)) * scale).astype(np.float32)
    indices, scores = top_k(x, 5, metric, block=8)
    expected = nearest(x, x, 5, metric, True)
    assert np.array_equal(indices, expected[0]) and np.array_equal(scores, expected[1])


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(block=-1), "block = -1: expected a whole number, 1 or more"),
        (dict(threads=0), "threads = 0"),
        (dict(memory=-5), "memory = -5"),
        (dict(k=5.0), "k = 5.0"),
        (dict(k=True), "k = True"),
        (dict(k=10**15), "do not fit into memory"),
        (dict(device="foo"), "device 'foo' cannot be used"),
        (dict(candidates=np.full((3, 4), np.nan)), "candidates: NaN or infinity in the features of 3 image"),
    ],
)
def test_options_that_cannot_be_are_named(options, message):
    pytest.importorskip("torch")
    with pytest.raises(UserError, match=message):
        top_k(np.eye(4, dtype=np.float32), **{"k": 2, **options})


def test_a_file_with_keys_that_are_no_text_is_named(tmp_path):
    path = written(tmp_path / "f.h5", np.eye(3))
    with h5py.File(str(path), "a") as file:
        del file["keys"]
        file["keys"] = np.array([b"a", b"\xff", b"c"])
    with pytest.raises(UserError, match="f.h5: a key is not UTF-8"):
        top_k(path, 1)
