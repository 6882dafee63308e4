"""Searches of every kind give as many photos, and as many products, as were asked for."""

import h5py
import numpy as np
import pytest
import unchecked

from multiweight.base import hdf5_file
from multiweight.base.paths import Dataset
from multiweight.query import index as shop_index

unchecked.package("faiss", "the index of a shop's photos")

PHOTOS, WIDTH = 1500, 16


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Photos in many small clusters, so that an IVF index has many small cells; each product has four photos."""
    extracted = Dataset("shop", tmp_path_factory.mktemp("runs")).run("multi_label")
    extracted.root.mkdir(parents=True)
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(60, WIDTH))
    values = (centres[generator.integers(60, size=PHOTOS)] + 0.01 * generator.normal(size=(PHOTOS, WIDTH))).astype("f4")
    with h5py.File(str(extracted.features), "w") as file:
        file["fc7"] = values
        file["keys"] = np.array([b"%08d" % n for n in range(PHOTOS)])
        hdf5_file.describe(file, dict(blob="fc7", weights_sha256="0", inputs_sha256="1"))
    return extracted, values


PRODUCTS = {f"{n:08d}": f"p{n // 4}" for n in range(PHOTOS)}


def product(neighbour):
    return PRODUCTS[neighbour.key]


@pytest.mark.parametrize("kind", shop_index.KINDS)
def test_as_many_as_were_asked_for(run, kind):
    extracted, values = run
    index = shop_index.ShopIndex(extracted, kind)
    for query in values[:12]:
        for k in (1, 50, 400, PHOTOS, PHOTOS + 7):
            result = index.search(query, k)
            assert len({neighbour.position for neighbour in result}) == min(k, PHOTOS)
            scores = [neighbour.score for neighbour in result]
            assert scores == sorted(scores, reverse=True) and scores[0] > 0.99
    again = shop_index.ShopIndex(extracted, kind)  # read from its file
    assert len(again.search(values[3], 300)) == 300


@pytest.mark.parametrize("kind", shop_index.KINDS)
def test_one_row_a_product(run, kind):
    extracted, values = run
    index = shop_index.ShopIndex(extracted, kind)
    for k in (1, 10, 200, 1000):
        result = index.products(values[5], k, product)
        names = [PRODUCTS[neighbour.key] for neighbour in result]
        assert len(set(names)) == len(names) == min(k, PHOTOS // 4)
    photos = index.search(values[5], 40)
    first = {}
    for photo in photos:
        first.setdefault(PRODUCTS[photo.key], photo.key)
    assert [neighbour.key for neighbour in index.products(values[5], 5, product)] == list(first.values())[:5]


def test_a_graph_of_parts_is_searched_whole(run, monkeypatch):
    extracted, values = run
    index = shop_index.ShopIndex(extracted, "hnsw")

    class Lost:
        def search(self, unit, k, params=None):
            return np.zeros((1, k), "f4"), np.full((1, k), -1)

    monkeypatch.setattr(index, "_index", Lost())
    exact = shop_index.ShopIndex(extracted, "flat").search(values[7], 20)
    assert [neighbour.key for neighbour in index.search(values[7], 20)] == [neighbour.key for neighbour in exact]
