import csv
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.progress import quiet
from multiweight.datasets.sample_shop import catalog as sample_catalog
from multiweight.datasets.sample_shop import garments
from multiweight.datasets.sample_shop import shop as sample_shop
from multiweight.records import records
from multiweight.records.catalog import Catalog
from small_shop import SETTINGS, drawn


def test_layout_and_truth(tmp_path):
    shop = drawn(tmp_path)
    catalog = Catalog.load(shop / "catalog.yaml")
    shown, truth = (records.read(shop / name, catalog) for name in ("records.csv", "truth.csv"))
    assert [r[:2] for r in shown] == [r[:2] for r in truth]
    assert len({r.product for r in truth}) == 30
    assert set(Counter(r.product for r in truth).values()) == {1, 2, 3, 4}
    assert cv2.imread(str(shop / truth[0].image)).shape == (64, 64, 3)
    assert len(list((shop / "images").iterdir())) == len(truth)


def test_photos_of_a_product_differ(tmp_path):
    shop = drawn(tmp_path)
    photos = Counter(r.product for r in records.read(shop / "truth.csv"))
    product = max(photos, key=photos.__getitem__)
    first, second = (cv2.imread(str(shop / "images" / f"{product}_{n}.jpg")).astype(int) for n in (1, 2))
    assert np.abs(first - second).mean() > 3


def test_proportions_have_a_long_tail():
    products = sample_catalog.products(1600, 1)
    counts = Counter(group for product in products for group in product.labels)
    shares = [counts[name] / counts["Color"] for name in sample_catalog.catalog().names]
    assert len(shares) == 13 and shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] <= 0.002 and counts["Brooch"] >= 2


def test_the_tail_is_a_dial():
    """0 leaves no group rare, and each step up makes the details rarer."""
    shares = {}
    for tail in (0, 0.5, 1, 2):
        counts = Counter(group for product in sample_catalog.products(800, 1, tail) for group in product.labels)
        shares[tail] = {detail.name: counts[detail.name] / 800 for detail in sample_catalog.DETAILS}
    assert min(shares[0].values()) > 0.2
    assert all(shares[0.5][name] >= shares[1][name] >= shares[2][name] for name in shares[0])
    assert shares[0.5]["Hood"] == pytest.approx(0.1) and shares[1]["Hood"] == pytest.approx(0.01)
    assert sample_catalog.products(800, 1, 1) == sample_catalog.products(800, 1)


@pytest.mark.parametrize("count", [12, 30])
def test_every_group_is_on_two_products_of_the_smallest_shop(count):
    for seed in range(20):
        products = sample_catalog.products(count, seed)
        counts = Counter(group for product in products for group in product.labels)
        assert min(counts[name] for name in sample_catalog.catalog().names) >= 2


def test_every_label_can_be_drawn():
    """Each label of each detail changes the drawing of a product that has it."""
    for detail in sample_catalog.DETAILS:
        garment = sorted(detail.garments)[0]
        pictures = []
        for label in [None, *detail.labels]:
            labels = {"Color": "red", "Garment": garment}
            if garment in sample_catalog.SLEEVES:
                labels["Sleeve"] = "long"
            if garment in sample_catalog.LENGTHS:
                labels["Length"] = "knee"
            if label:
                labels[detail.name] = label
            product = sample_catalog.Product("p", labels, "white")
            image, mask = garments.draw(product, np.random.RandomState(0))
            pictures.append(np.where(mask[:, :, None] > 127, image, 0).astype(int))
        for n, picture in enumerate(pictures):
            for other in pictures[n + 1 :]:
                assert (np.abs(picture - other).max(axis=2) > 25).sum() > 40, detail.name


def test_noise_shares():
    settings = sample_shop.ShopSettings(products=800, wrong=0.2, missing=0.3)
    products = sample_catalog.products(800, 1)
    labels = sample_shop.noisy(products, sample_catalog.catalog(), settings)
    color = [(dict(result).get("Garment"), product.labels["Garment"]) for result, product in zip(labels, products)]
    missing = sum(result is None for result, _ in color) / 800
    wrong = sum(result not in (None, true) for result, true in color) / 800
    assert abs(missing - 0.3) < 0.05 and abs(wrong - 0.2) < 0.05
    clean = sample_shop.noisy(products, sample_catalog.catalog(), replace(settings, wrong=0.0, missing=0.0))
    assert clean == [product.truth for product in products]


def test_the_seed_decides(tmp_path):
    first, second = drawn(tmp_path / "one"), drawn(tmp_path / "two")
    for name in [
        "records.csv",
        "truth.csv",
        "catalog.yaml",
        *(f"images/{p.name}" for p in (first / "images").iterdir()),
    ]:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    sample_shop.make(first, replace(SETTINGS, seed=2), overwrite=True, progress=quiet)
    assert (first / "records.csv").read_bytes() != (second / "records.csv").read_bytes()
    with open(first / "records.csv", newline="") as file:
        names = {row["image"] for row in csv.DictReader(file)}
    assert names == {f"images/{path.name}" for path in (first / "images").iterdir()}


def test_skips_and_mistakes(tmp_path):
    shop = drawn(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*")}
    assert not sample_shop.make(shop, SETTINGS, progress=quiet)[1]
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*")} == before, "nothing is drawn again"
    with pytest.raises(UserError, match="shop.json: made with wrong 0.05, asked for 0.5"):
        sample_shop.make(shop, replace(SETTINGS, wrong=0.5), progress=quiet)
    (shop / "shop.json").unlink()
    with pytest.raises(UserError, match="holds records.csv but no shop.json"):
        sample_shop.make(shop, SETTINGS, progress=quiet)
    for field, value in [("products", 1), ("wrong", 2), ("missing", 0.99), ("size", 4), ("quality", 0), ("tail", 5)]:
        with pytest.raises(UserError, match=field):
            sample_shop.make(tmp_path / "new", replace(SETTINGS, **{field: value}), progress=quiet)
