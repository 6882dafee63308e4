"""Files as iMaterialist-Fashion 2018 published them: ids as strings, a label map of four columns, photos by id."""

import json

import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import imaterialist, importing
from multiweight.prepare import split
from multiweight.records import bad_images

LABEL_MAP = """\
labelId,taskId,labelName,taskName
1,6,Argyle,pattern
2,9,Asymmetric,style
3,1,Athletic Pants,category
17,2,Black,color
66,3,Female,gender
89,1,"Hosiery, Stockings, Tights",category
59,4,Denim,material
105,8,Long Sleeved,sleeve
106,3,Male,gender
153,5,Round Neck,neckline
"""
TRAIN = {
    "info": {"date_created": "2018-03-01"},
    "license": {"url": ""},
    "images": [{"url": f"https://example.com/{n}.jpg", "imageId": str(n)} for n in range(1, 6)],
    "annotations": [
        {"labelId": ["66", "105", "153", "3"], "imageId": "1"},
        {"labelId": ["106", "89", "17"], "imageId": "2"},
        {"labelId": ["1", "2"], "imageId": "4"},
        {"labelId": ["999"], "imageId": "5"},
    ],
}
VALIDATION = {
    "images": [{"url": ["https://example.com/1.jpg"], "image_id": 1}],
    "annotations": [{"label_id": [59, 59], "image_id": 1}],
}


def published(folder, train=TRAIN, label_map=LABEL_MAP):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / imaterialist.LABEL_MAP).write_text(label_map)
    (folder / "train.json").write_text(json.dumps(train))
    (folder / "validation.json").write_text(json.dumps(VALIDATION))
    for name in ("train/1", "train/2", "validation/1"):
        path = folder / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((30, 20, 3), 80, np.uint8))
    return folder


def test_tasks_become_groups_in_their_order(tmp_path):
    loaded = imaterialist.load(published(tmp_path))
    assert [(group.name, group.kind, group.labels) for group in loaded.catalog.groups] == [
        ("category", "type", ("Athletic Pants", "Hosiery, Stockings, Tights")),
        ("color", "attribute", ("Black",)),
        ("gender", "attribute", ("Female", "Male")),
        ("material", "attribute", ("Denim",)),
        ("neckline", "attribute", ("Round Neck",)),
        ("pattern", "attribute", ("Argyle",)),
        ("sleeve", "attribute", ("Long Sleeved",)),
        ("style", "attribute", ("Asymmetric",)),
    ]
    assert loaded.records[0].labels == (
        ("gender", "Female"), ("sleeve", "Long Sleeved"), ("neckline", "Round Neck"), ("category", "Athletic Pants"),
    )  # fmt: skip
    # Tasks without a label are unknown, other labels of a task are no.
    assert loaded.records[0].vector(loaded.catalog, "ignore").tolist() == [1, 0, -1, 1, 0, -1, 1, -1, 1, -1]
    # The same imageId in train and validation is another image.
    assert [(r.image, r.product) for r in loaded.records] == [
        ("train/1.jpg", "train-1"), ("train/2.jpg", "train-2"), ("train/4.jpg", "train-4"),
        ("validation/1.jpg", "validation-1"),
    ]  # fmt: skip
    assert loaded.records[3].labels == (("material", "Denim"),)


def test_what_was_not_fetched_or_annotated_is_listed(tmp_path):
    dataset = Dataset("imat", tmp_path / "runs")
    with pytest.raises(UserError, match="3 of 6 images cannot be used"):
        importing.import_dataset(dataset, published(tmp_path / "set"), progress=quiet)
    result, _ = importing.import_dataset(dataset, published(tmp_path / "set"), max_bad=0.5, progress=quiet)
    assert result["images"] == 3
    assert [(bad.image, bad.reason) for bad in bad_images.read(dataset.bad_images)] == [
        ("train/3.jpg", "no annotation in train.json"),
        ("train/5.jpg", f"labelId 999 is not in {imaterialist.LABEL_MAP}"),
        ("train/4.jpg", "no such file"),
    ]
    done, _ = split.split_dataset(dataset, given=True)
    assert done["images"] == {"train": 2, "test": 1} and done["products_on_both_sides"] == 0


@pytest.mark.parametrize(
    "train, label_map, message",
    [
        ({"images": 3}, LABEL_MAP, "train.json: expected an object with the lists"),
        ({"images": [{"imageId": "../1"}]}, LABEL_MAP, r"images\[0\]: imageId '../1': expected a number"),
        (
            {"images": [], "annotations": [{"imageId": "1", "labelId": "3"}]},
            LABEL_MAP,
            r"annotations\[0\]: labelId '3'",
        ),
        (TRAIN, "id,task\n", r"label_map_228.csv:1: expected the columns labelId,taskId"),
        (TRAIN, LABEL_MAP + "x,1,Y,category\n", r"label_map_228.csv:12: expected labelId"),
    ],
)
def test_mistakes(tmp_path, train, label_map, message):
    with pytest.raises(UserError, match=message):
        imaterialist.load(published(tmp_path, train, label_map))


def test_half_a_download(tmp_path):
    published(tmp_path)
    (tmp_path / "train.json").write_text(json.dumps(TRAIN)[:-20])
    with pytest.raises(UserError, match="train.json:1: not valid JSON .*download it again"):
        imaterialist.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [{"imageId": ' + "9" * 5000 + "}]}", "train.json:1: a number of 5,000 digits"),
        ('{"images": [{"imageId": "' + "9" * 5000 + '"}]}', r"images\[0\]: imageId '9+\.\.\.: expected a number"),
        ('{"images": [{"imageId": "²"}]}', r"images\[0\]: imageId '²': expected a number"),
        ('{"images": [{"imageId": {"a": 1}}]}', r"images\[0\]: imageId {'a': 1}"),
        ('{"images": [7]}', r"images\[0\]: imageId None"),
        ('{"images": [], "annotations": {"a": 1}}', "annotations: {'a': 1}: expected a list"),
        ('{"images": [], "annotations": [{"imageId": 1, "labelId": 3}]}', r"annotations\[0\]: labelId 3: expected"),
        ('{"images": [], "annotations": [{"imageId": 1, "labelId": [[3]]}]}', r"annotations\[0\]: labelId \[3\]"),
        ('{"images": [], "annotations": [{"imageId": 1, "labelId": [true]}]}', r"annotations\[0\]: labelId True"),
        ('{"images": ' + "[" * 100_000, "train.json:1: .*nested too deep|not valid JSON"),
        ('{"images": [], "images": []}', "train.json:1: the key 'images' stands twice"),
        ("[]", "expected an object with the lists"),
        ("7", "expected an object with the lists"),
    ],
)  # fmt: skip
def test_odd_annotations_are_one_line(tmp_path, text, message):
    published(tmp_path)
    (tmp_path / "train.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        imaterialist.load(tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_floats_of_whole_numbers_are_ids(tmp_path):
    train = {"images": [{"imageId": 1.0}], "annotations": [{"imageId": "1", "labelId": [66.0, "105.0"]}]}
    assert imaterialist.load(published(tmp_path, train)).records[0].labels == (
        ("gender", "Female"),
        ("sleeve", "Long Sleeved"),
    )


def test_a_label_map_with_a_number_twice(tmp_path):
    published(tmp_path, label_map=LABEL_MAP + "66,3,Unisex,gender\n")
    with pytest.raises(UserError, match=r"csv:12: labelId 66 stands twice \(first on line 6\)"):
        imaterialist.load(tmp_path)
