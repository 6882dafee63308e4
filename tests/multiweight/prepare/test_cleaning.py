import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.pack import packing, verifying
from multiweight.prepare import cleaning, split
from multiweight.records import bad_images, records
from multiweight.records.records import Record
from random_pictures import picture
from small_shop import caffe


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    (folder / "catalog.yaml").write_text("groups:\n  Colour: [red, blue]\n  Style: [a, b, c]\n")
    items = []
    for n in range(120):
        image = picture(n)
        labels = [("Colour", "red" if n % 2 else "blue"), ("Style", "a")]
        if n % 3 == 0:
            labels.append(("Style", "b"))  # Style is no exclusive group
        if n == 4:
            labels.append(("Colour", "red"))
        if n in (7, 8, 9, 10, 11):
            image = picture(999)  # "photo follows", for five products
        if n == 12:
            image = np.full((80, 60, 3), 255, np.uint8)
        if n == 13:
            labels = []
        cv2.imwrite(str(folder / "images" / f"{n}.jpg"), image)
        items.append(Record(f"images/{n}.jpg", f"p{n}", tuple(labels)))
    records.write(folder / "records.csv", items)
    dirty = Dataset("dirty", tmp_path / "runs")
    importing.import_dataset(dirty, folder, progress=quiet)
    return dirty


def test_what_is_found_and_what_becomes_of_it(dataset):
    before = dataset.records.read_bytes()
    result, done = cleaning.clean_dataset(dataset, progress=quiet)
    assert done and (result["records"], result["kept"]) == (120, 113)
    assert result["left_out"] == {"no product": 5, "a blank photo": 1, "no label": 1}
    assert result["labels_taken"] == {"Colour": 1} and result["exclusive_groups"] == ["Colour"]
    listed = {bad.image: bad.reason for bad in bad_images.read(dataset.data / "cleaned.csv")}
    assert listed["images/7.jpg"] == "no product: the same photo stands for 5 products"
    assert listed["images/4.jpg"] == "Colour: blue, red contradict each other"
    cleaned = {record.image: record for record in records.read(dataset.cleaned_records)}
    assert cleaned["images/4.jpg"].labels == (("Style", "a"),) and cleaned["images/4.jpg"].unknown == (("Colour", "*"),)
    assert dataset.records.read_bytes() == before and dataset.used_records == dataset.cleaned_records
    assert cleaning.clean_dataset(dataset, progress=quiet) == (result, False)
    with pytest.raises(UserError, match="clean.json: made with repeats 5, asked for 6"):
        cleaning.clean_dataset(dataset, cleaning.Settings(repeats=6), progress=quiet)
    again, _ = cleaning.clean_dataset(dataset, cleaning.Settings(repeats=6, keep_unlabelled=True), True, quiet)
    assert again["records"] == 120 and again["kept"] == 119


def test_a_cleaned_dataset_goes_on_to_the_lmdb(dataset):
    cleaning.clean_dataset(dataset, progress=quiet)
    split.split_dataset(dataset)
    info, _ = packing.pack(caffe(), dataset, packing.Settings(size=16, unknown="ignore"), progress=quiet)
    assert sum(info["counts"].values()) == 113 and info["bad"] == 0
    verifying.verify(caffe(), dataset, progress=quiet)


def test_a_new_import_forgets_the_cleaning(dataset):
    cleaning.clean_dataset(dataset, progress=quiet)
    folder = dataset.data.parents[2] / "shop"
    importing.import_dataset(dataset, folder, overwrite=True, progress=quiet)
    assert not dataset.cleaned_records.exists() and not dataset.cleaned.exists()
    assert dataset.used_records == dataset.records and len(records.read(dataset.records)) == 120
