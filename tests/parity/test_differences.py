"""Every difference that docs/PARITY.md lists, tried in both engines: it says what is so, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from pair import Pair, Result
from probe_modules import module_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "PARITY.md"
Check = Callable[[Result, Result], None]
CHECKS: dict[str, Check] = {}


def difference(check: Check) -> Check:
    """``check(theirs, ours)`` of the probe with the function's name."""
    CHECKS[check.__name__] = check
    return check


def dies(result: Result, message: str) -> None:
    """The original prints ``message`` and aborts the process."""
    assert result.aborted and message in result.log, result


def raises(result: Result, message: str) -> None:
    """caffe_torch raises its exception, which says ``message``; the process goes on."""
    assert not result.aborted and "CaffeError" in result.error and message in result.error, result


@difference
def unknown_layer(theirs: Result, ours: Result) -> None:
    dies(theirs, "Unknown layer type: NoSuchLayer")
    raises(ours, "unknown layer type: 'NoSuchLayer'")


@difference
def wrong_shape(theirs: Result, ours: Result) -> None:
    dies(theirs, "shape mismatch")
    raises(ours, "two.caffemodel")


@difference
def diverging(theirs: Result, ours: Result) -> None:
    assert np.isnan(theirs.values()["weight"]).all()
    raises(ours, "iteration 1: the loss is")


@difference
def label_out_of_range(theirs: Result, ours: Result) -> None:
    assert np.isfinite(theirs.values()["loss"])
    raises(ours, "3 classes allow 0 to 2")


@difference
def resume(theirs: Result, ours: Result) -> None:
    result = theirs.values()
    np.testing.assert_array_equal(result["resumed"], result["first"])
    assert not np.array_equal(result["fourth"], result["first"])
    np.testing.assert_array_equal(ours.values()["fourth"], result["fourth"])
    np.testing.assert_array_equal(ours.values()["resumed"], result["fourth"])


@difference
def moved_snapshot(theirs: Result, ours: Result) -> None:
    dies(theirs, "File not found: probe_iter_2.caffemodel")
    assert ours.values()["iteration"] == 2


@difference
def snapshot_folder(theirs: Result, ours: Result) -> None:
    dies(theirs, "proto.SerializeToOstream")
    assert ours.values()["exists"]


@difference
def resized(theirs: Result, ours: Result) -> None:
    theirs_, ours_ = theirs.values(), ours.values()
    for name in ("larger", "slope"):
        np.testing.assert_allclose(ours_[name], theirs_[name], atol=1e-6)
    assert 0.01 < np.abs(ours_["smaller"] - theirs_["smaller"]).max() < 0.2
    np.testing.assert_allclose(ours_["smaller"][0, :, 0], [0, 0.5, 1], atol=1e-6)


@difference
def lock(theirs: Result, ours: Result) -> None:
    assert theirs.values()["locked"] and not ours.values()["locked"]


@difference
def leveldb(theirs: Result, ours: Result) -> None:
    dies(theirs, "Failed to open leveldb")
    assert ours.values()["data"].any() and "the net says LEVELDB, but it is read as the LMDB that it is" in ours.log


@difference
def softmax_two_tops(theirs: Result, ours: Result) -> None:
    dies(theirs, "loss_weight must be unspecified or specified once per top blob")
    result = ours.values()
    assert result["loss"] == pytest.approx(np.log(3)) and result["p"] == pytest.approx(1 / 3)


@difference
def pooling_stochastic(theirs: Result, ours: Result) -> None:
    dies(theirs, "Not Implemented Yet")
    windows = np.array([[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]])
    expected = (windows**2).sum(axis=1) / windows.sum(axis=1)
    np.testing.assert_allclose(ours.values()["top"].ravel(), expected, rtol=1e-6)


@difference
def eltwise_in_place(theirs: Result, ours: Result) -> None:
    np.testing.assert_array_equal(theirs.values()["sum"], [10, 20, 30])
    np.testing.assert_array_equal(ours.values()["sum"], [11, 22, 33])


@difference
def power_at_zero(theirs: Result, ours: Result) -> None:
    result = theirs.values()["diff"]
    assert np.isnan(result[0]) and result[1] == pytest.approx(12)
    np.testing.assert_allclose(ours.values()["diff"], [0, 12], rtol=1e-6)


@difference
def batch_norm_vector(theirs: Result, ours: Result) -> None:
    dies(theirs, "axis 1 out of range for 1-D Blob")
    x = np.arange(7.0)
    np.testing.assert_allclose(ours.values()["y"], (x - x.mean()) / x.std(), rtol=1e-4, atol=1e-6)


@difference
def inline_wrong_shape(theirs: Result, ours: Result) -> None:
    np.testing.assert_array_equal(theirs.values()["y"], [[1, 3], [2, 4]])
    raises(ours, "layer 'fc': its shape there is (3, 2), here (2, 2)")


@difference
def inline_recurrent(theirs: Result, ours: Result) -> None:
    assert not any(array.any() for array in theirs.values().values())
    assert len(ours.values()) == 5 and all((array == 7).all() for array in ours.values().values())


@difference
def forced_embed(theirs: Result, ours: Result) -> None:
    dies(theirs, "Can't backpropagate to EmbedLayer input")
    assert not ours.values()["b"].any()


@difference
def reshape_then_flatten(theirs: Result, ours: Result) -> None:
    assert not theirs.values()["p"].any()
    np.testing.assert_array_equal(ours.values()["p"].ravel(), [1, 2, 3, 4])


@difference
def scale_iter_size(theirs: Result, ours: Result) -> None:
    np.testing.assert_allclose(theirs.values()["weight"], 0.9, rtol=1e-6)
    np.testing.assert_allclose(ours.values()["weight"], 0.7, rtol=1e-6)


@difference
def hdf5_external(theirs: Result, ours: Result) -> None:
    np.testing.assert_array_equal(theirs.values()["x"], np.full((2, 2), 7))
    raises(ours, "external.h5: /x is numbers of another file")


@difference
def no_items(theirs: Result, ours: Result) -> None:
    assert theirs.error == "original: the process ended with status -8\n", "a division by zero"
    raises(ours, "layer 'm' (MemoryData): has 0 items")


@difference
def no_dummy_values(theirs: Result, ours: Result) -> None:
    dies(theirs, "Check failed: data_")
    raises(ours, "layer 'd'")


@difference
def no_images(theirs: Result, ours: Result) -> None:
    dies(theirs, "Check failed: data_")
    assert {name: array.shape for name, array in ours.values().items()} == {
        "x": (0, 3, 6, 5), "c": (0, 2, 4, 3), "r": (0, 2, 4, 3),
    }  # fmt: skip


@difference
def nan_test(theirs: Result, ours: Result) -> None:
    assert theirs.values()["status"] == 0 and ours.values()["status"] == 1


@difference
def byte_order_mark(theirs: Result, ours: Result) -> None:
    dies(theirs, "Failed to parse NetParameter file: mark.prototxt")
    assert ours.values()["x"].shape == (2,)


@difference
def inline_too_many(theirs: Result, ours: Result) -> None:
    np.testing.assert_array_equal(theirs.values()["y"], [[1, 3], [2, 4]])
    raises(ours, "layer 'fc' has 2 parameter blob(s), this net's has 1")


@difference
def forced_reindex(theirs: Result, ours: Result) -> None:
    dies(theirs, "Cannot backprop to index")
    assert not ours.values()["b"].any()


@difference
def forced_filter(theirs: Result, ours: Result) -> None:
    dies(theirs, "FilterLayer cannot backpropagate to filter index inputs")
    assert not ours.values()["b"].any()


@difference
def max_pooling_nan(theirs: Result, ours: Result) -> None:
    assert theirs.values()["y"].item() == 3 and np.isnan(ours.values()["y"]).all()


@difference
def dropout_one(theirs: Result, ours: Result) -> None:
    assert theirs.values() == {}
    raises(ours, "dropout_ratio must be at least 0 and less than 1, found 1.0")


@difference
def iter_size_minus_one(theirs: Result, ours: Result) -> None:
    assert theirs.values()["weight"] == 0, "as it was"
    raises(ours, "iter_size must be 1 or more")


@difference
def adam_momentum_one(theirs: Result, ours: Result) -> None:
    assert np.isnan(theirs.values()["weight"])
    raises(ours, "Adam needs a momentum below 1")


@difference
def shared_test_net(theirs: Result, ours: Result) -> None:
    assert theirs.values()["weight"] == 0 and ours.values()["weight"] == 9


#: What one may expect to differ, and does not.
ALIKE = {
    "dropout_zero": ("top", np.arange(6.0).reshape(2, 3)),
    "accuracy_ties": ("top", 0.0),
    "pooling_outside": ("top", None),
    "pooling_outside_average": ("top", None),
}


@pytest.fixture(scope="module")
def results(pair: Pair) -> dict[str, tuple[Result, Result]]:
    np.full(4, 7, "<f4").tofile(pair.files / "secret.bin")
    with h5py.File(pair.files / "external.h5", "w") as store:
        store.create_dataset("x", (2, 2), "<f4", external=[("../files/secret.bin", 0, 16)])
    names = [*CHECKS, *ALIKE]
    result = pair.run([dict(kind="probe", name=name, probe=name, module=module_of(name)) for name in names])
    return {name: (result["original"][name], result["torch"][name]) for name in names}


@pytest.mark.parametrize("name", CHECKS)
def test_difference(name: str, results: dict[str, tuple[Result, Result]]) -> None:
    CHECKS[name](*results[name])


@pytest.mark.parametrize("name", ALIKE)
def test_no_difference(name: str, results: dict[str, tuple[Result, Result]]) -> None:
    top, expected = ALIKE[name]
    theirs, ours = (result.values()[top] for result in results[name])
    np.testing.assert_array_equal(ours, theirs)
    if expected is not None:
        np.testing.assert_array_equal(theirs, expected)


def test_max_pooling_outside_is_the_least_float(results: dict[str, tuple[Result, Result]]) -> None:
    """Both give a window that holds no pixel the least float32 (MAX) or a division by zero (AVE)."""
    most, average = (results[name][0].values()["top"][0, 0] for name in ("pooling_outside", "pooling_outside_average"))
    assert (most[2] == np.finfo(np.float32).min).all() and np.isnan(average[2]).all()


def test_the_document_lists_these_and_no_others() -> None:
    """The last cell of every row of docs/PARITY.md is the probe, or the file, that tries it."""
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    tried = [re.search(r"`([\w.]+)` \|$", row) for row in rows if not re.match(r"\|[- |]*\|$|\| \*\*", row)]
    assert all(tried), "a row without its test"
    names = {result.group(1) for result in tried if result}
    files = {name for name in names if name.endswith(".py")}
    assert all((DOCUMENT.parents[1] / "tests/parity" / name).exists() for name in files)
    assert names - files == set(CHECKS) | set(ALIKE)
    assert all(module_of(name) for name in names - files)
