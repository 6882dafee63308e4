"""The map of features: two heaps stay two heaps, and what is kept is of these features."""

from __future__ import annotations

import os

import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.serve import feature_map


def test_two_heaps_lie_apart():
    generator = np.random.default_rng(2)
    heaps = np.repeat([[1.0, 0, 0, 0], [0, 0, 1.0, 0]], 20, axis=0)
    rows, places = feature_map._computed((heaps + 0.01 * generator.random((40, 4))).astype(np.float32))
    assert rows.tolist() == list(range(40)) and places.min() >= 0 and places.max() <= 1
    middles = places[:20].mean(axis=0), places[20:].mean(axis=0)
    spread = max(
        np.linalg.norm(part - middle, axis=1).max() for part, middle in zip((places[:20], places[20:]), middles)
    )
    assert np.linalg.norm(middles[0] - middles[1]) > spread


@pytest.mark.parametrize("n", [1, 3, 5])
def test_a_few_images_have_a_map_too(n):
    rows, places = feature_map._computed(np.eye(8, dtype=np.float32)[:n])
    assert places.shape == (n, 2) and np.isfinite(places).all() and len(rows) == n


def test_kept_until_the_features_change_and_damage_is_computed_anew(own_shop):
    run = own_shop.run("multi_label")
    first = feature_map.places(own_shop, "multi_label")
    before = (run.root / "map.npz").stat().st_mtime_ns
    again = feature_map.places(own_shop, "multi_label")
    np.testing.assert_array_equal(first[1], again[1])
    assert (run.root / "map.npz").stat().st_mtime_ns == before
    (run.root / "map.npz").write_bytes(b"no map")
    np.testing.assert_array_equal(feature_map.places(own_shop, "multi_label")[1], first[1])
    os.replace(own_shop.run("multi_weight").features, run.features)
    assert not np.array_equal(feature_map.places(own_shop, "multi_label")[1], first[1])
    run.features.unlink()
    with pytest.raises(UserError, match="no features yet"):
        feature_map.places(own_shop, "multi_label")
