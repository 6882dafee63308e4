import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.prepare import split
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record
from small_shop import drawn


def items_of(count=400, seed=0):
    rng = np.random.RandomState(seed)
    items = []
    for product in range(count):
        labels = [("color", "red" if rng.random_sample() < 0.8 else "blue")]
        if rng.random_sample() < 0.1:
            labels.append(("coat", "parka" if rng.random_sample() < 0.5 else "trench"))
        if product in (17, 230):
            labels.append(("craft", "beads"))
        items += [Record(f"{product}_{n}.jpg", f"p{product}", tuple(labels)) for n in range(rng.randint(1, 5))]
    return items


CATALOG = Catalog.from_dict({"color": ["red", "blue"], "coat": ["parka", "trench"], "craft": ["beads"]})


def test_no_product_on_both_sides_and_nothing_lost():
    items = items_of()
    train, test = split.split(items)
    assert not {r.product for r in train} & {r.product for r in test}
    assert sorted(train + test) == sorted(items)
    assert [r for r in items if r in set(test)] == test


def test_shares_are_kept():
    result = split.balance(*split.split(items_of(), 0.268), CATALOG)
    assert abs(result["test_fraction"] - 0.268) < 0.005
    assert result["largest_deviation"]["label"]["deviation"] < 0.03
    assert result["one_sided"] == []
    assert min(result["groups"]["craft"].values()) > 0


@pytest.mark.parametrize("seed", range(5))
def test_a_group_of_two_products_is_on_both_sides(seed):
    for fraction in (0.05, 0.268, 0.9):
        result = split.balance(*split.split(items_of(60, seed), fraction, seed), CATALOG)
        assert result["one_sided"] == []


def test_two_products_of_a_group_with_a_label_each():
    rows = [("color", "red"), ("coat", "parka")], [("color", "red"), ("coat", "trench")]
    items = [Record(f"{n}.jpg", f"p{n}", tuple(labels)) for n, labels in enumerate(rows)]
    items += [Record(f"{n}.jpg", f"p{n}", (("color", "red"),)) for n in range(2, 40)]
    for seed in range(10):
        result = split.balance(*split.split(items, 0.268, seed), CATALOG)
        assert result["groups"]["coat"] == {"train": 1, "test": 1}


def test_the_seed_decides():
    items = items_of()
    assert split.split(items, seed=3) == split.split(items, seed=3)
    assert split.split(items, seed=3) != split.split(items, seed=4)


def test_hand_worked_balance():
    train = [Record("a", "p", (("color", "red"),)), Record("b", "p", (("color", "red"),)), Record("c", "q", ())]
    result = split.balance(train, [Record("d", "r", (("coat", "parka"),))], CATALOG)
    assert result["images"] == {"train": 3, "test": 1} and result["products"] == {"train": 2, "test": 1}
    assert result["groups"]["color"] == {"train": 2, "test": 0}
    assert result["largest_deviation"]["group"] == {"name": "coat", "images": 1, "test_share": 1.0, "deviation": 0.75}


def test_mistakes():
    with pytest.raises(UserError, match="test fraction 1.5"):
        split.split(items_of(), 1.5)
    with pytest.raises(UserError, match="at least two"):
        split.split([Record("a", "p", ())])


def test_dataset_is_split_once(tmp_path):
    dataset = Dataset("shop", tmp_path / "runs")
    importing.import_dataset(dataset, drawn(tmp_path), progress=quiet)
    result, done = split.split_dataset(dataset, 0.3)
    assert done and split.split_dataset(dataset, 0.3) == (result, False)
    assert len(records.read(dataset.split("test"))) == result["images"]["test"]
    with pytest.raises(UserError, match="test_fraction 0.3, asked for 0.2.*--overwrite"):
        split.split_dataset(dataset, 0.2)
    assert split.split_dataset(dataset, 0.2, overwrite=True)[1]
    dataset.records.write_text(dataset.records.read_text().replace("p01", "px01"))
    with pytest.raises(UserError, match="made with records that have changed since"):
        split.split_dataset(dataset, 0.2)
