import pytest

from multiweight.base import done as steps
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.pack import packing
from multiweight.prepare import split, subsets
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record
from small_shop import caffe, drawn


def item(n, *groups):
    return Record(f"{n}.jpg", f"p{n // 2}", tuple((group, "x") for group in groups))


ITEMS = (
    [item(n, "Coat", "Colour") for n in range(100)]
    + [item(n, "Pantsuit") for n in range(100, 130)]
    + [item(n, "Coat", "Pantsuit") for n in range(130, 142)]
    + [item(n, "Colour") for n in range(142, 160)]
)


def counts(chosen, *groups):
    return [sum(group in record.groups for record in chosen) for group in groups]


def test_independent_groups():
    chosen = subsets.choose(ITEMS, "Coat", "Pantsuit", 10, "independent", 1)
    assert counts(chosen, "Coat", "Pantsuit") == [100, 10]
    assert not any({"Coat", "Pantsuit"} <= record.groups for record in chosen)
    assert chosen == [record for record in ITEMS if record in chosen]
    assert counts(subsets.choose(ITEMS, "Coat", "Pantsuit", 4, "independent", 1), "Coat", "Pantsuit") == [100, 25]


def test_dependent_groups():
    chosen = subsets.choose(ITEMS, "Coat", "Pantsuit", 10, "dependent", 1)
    assert counts(chosen, "Coat", "Pantsuit") == [110, 11]
    assert all("Coat" in record.groups for record in chosen)
    assert counts(subsets.choose(ITEMS, "Coat", "Pantsuit", 1, "dependent", 1), "Coat", "Pantsuit") == [12, 12]


def test_the_seed_chooses_whole_products():
    by_seed_1, by_seed_2 = (subsets.choose(ITEMS, "Coat", "Pantsuit", 10, "independent", seed) for seed in (1, 2))
    assert by_seed_1 != by_seed_2 and by_seed_1 == subsets.choose(ITEMS, "Coat", "Pantsuit", 10, "independent", 1)
    assert len({record.product for record in by_seed_1 if "Pantsuit" in record.groups}) == 5


@pytest.mark.parametrize(
    "large, small, ratio, kind, message",
    [
        ("Pantsuit", "Coat", 50, "independent", "30 images carry Pantsuit alone, 100 Coat alone, 12 both"),
        ("Coat", "Coat", 10, "independent", "expected two groups"),
        ("Coat", "Pantsuit", 0.5, "dependent", "a ratio of 1 or more"),
        ("Coat", "Pantsuit", 2, "mixed", "independent, dependent"),
    ],
)
def test_what_cannot_be_had(large, small, ratio, kind, message):
    with pytest.raises(UserError, match=message):
        subsets.choose(ITEMS, large, small, ratio, kind, 1)


def test_a_subset_is_split_and_packed_as_any_dataset(tmp_path):
    dataset, target = Dataset("shop", tmp_path / "runs"), Dataset("two", tmp_path / "runs")
    importing.import_dataset(dataset, drawn(tmp_path), progress=quiet)
    catalog = Catalog.load(dataset.catalog)
    every = records.read(dataset.records)
    large, small = sorted(catalog.names, key=lambda name: -counts(every, name)[0])[0:5:4]
    result, done = subsets.make(dataset, target, large, small, subsets.Settings(2, "dependent"))
    assert done and result["group_images"][large] == 2 * result["group_images"][small] > 0
    assert Catalog.load(target.catalog).names == (large, small)
    assert subsets.make(dataset, target, large, small, subsets.Settings(2, "dependent")) == (result, False)
    split.split_dataset(target)
    info, _ = packing.pack(caffe(), target, packing.Settings(size=16), progress=quiet)
    assert sum(info["counts"].values()) == result["images"]
    assert steps.read(target.data / "import.json")["settings"]["source"] == "records"
