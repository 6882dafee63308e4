"""Files in the format of the README in DeepFashion's archive, written out by hand."""

import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import deepfashion, importing
from multiweight.prepare import split
from multiweight.records import records
from multiweight.records.catalog import Catalog

FILES = {
    "Anno/list_category_cloth.txt": """\
5
category_name  category_type
Anorak         1
Blazer         1
Jeans          2
Dress          3
Romper         3
""",
    "Anno/list_category_img.txt": """\
5
image_name                                                             category_label
img/Sheer_Pleated-Front_Blouse/img_00000001.jpg                        1
img/Sheer_Pleated-Front_Blouse/img_00000002.jpg                        1
img/Skinny_Jean/img_00000001.jpg                                       3
img/Floral Dress/img_00000001.jpg                                      4
img/Floral Dress/img_00000002.jpg                                      4
""",
    "Anno/list_attr_cloth.txt": """\
6
attribute_name  attribute_type
a-line                       3
abstract                     1
abstract chevron print       1
faux leather                 2
long sleeve                  4
boho                         5
""",
    "Anno/list_attr_img.txt": """\
5
image_name                                                                attribute_labels
img/Sheer_Pleated-Front_Blouse/img_00000001.jpg                            -1  1 -1 -1  1  0
img/Sheer_Pleated-Front_Blouse/img_00000002.jpg                            -1  0  0 -1 -1 -1
img/Skinny_Jean/img_00000001.jpg                                           -1  0 -1  1 -1 -1
img/Floral Dress/img_00000001.jpg                                           1 -1 -1 -1 -1  1
img/Floral Dress/img_00000002.jpg                                           1 -1 -1 -1 -1  1
""",
    "Eval/list_eval_partition.txt": """\
5
image_name  evaluation_status
img/Sheer_Pleated-Front_Blouse/img_00000001.jpg                        train
img/Sheer_Pleated-Front_Blouse/img_00000002.jpg                        val
img/Skinny_Jean/img_00000001.jpg                                       test
img/Floral Dress/img_00000001.jpg                                      train
img/Floral Dress/img_00000002.jpg                                      test
""",
}


def published(folder, changes=None):
    for name, text in {**FILES, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for row in FILES["Anno/list_category_img.txt"].splitlines()[2:]:
        path = folder / "Img" / row.rpartition(" ")[0].strip()
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((30, 20, 3), 80, np.uint8))
    return folder


def test_catalog_and_three_values(tmp_path):
    loaded = deepfashion.load(published(tmp_path))
    assert {group.name: (group.kind, group.labels) for group in loaded.catalog.groups} == {
        "upper body": ("type", ("Anorak", "Blazer")),
        "lower body": ("type", ("Jeans",)),
        "full body": ("type", ("Dress", "Romper")),
        "texture": ("attribute", ("abstract", "abstract chevron print")),
        "fabric": ("attribute", ("faux leather",)),
        "shape": ("attribute", ("a-line",)),
        "part": ("attribute", ("long sleeve",)),
        "style": ("attribute", ("boho",)),
    }
    vectors = [record.vector(loaded.catalog, "ignore").tolist() for record in loaded.records]
    assert vectors[0] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, -1]
    assert vectors[1] == [1, 0, 0, 0, 0, -1, -1, 0, 0, 0, 0]
    assert vectors[2] == [0, 0, 1, 0, 0, -1, 0, 1, 0, 0, 0]
    assert vectors[3] == [0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1]
    assert loaded.records[3].image == "Img/img/Floral Dress/img_00000001.jpg"
    assert loaded.records[3].product == "img/Floral Dress"


def test_the_sets_own_partition_is_kept(tmp_path):
    dataset = Dataset("deep", tmp_path / "runs")
    result, _ = importing.import_dataset(dataset, published(tmp_path / "set"), progress=quiet)
    assert result["images"] == 5 and result["groups"] == 8
    done, _ = split.split_dataset(dataset, given=True)
    assert done["images"] == {"train": 3, "test": 2}
    assert done["products_on_both_sides"] == 1  # img/Floral Dress
    test = records.read(dataset.split("test"), Catalog.load(dataset.catalog))
    assert [record.image[4:] for record in test] == [
        "img/Skinny_Jean/img_00000001.jpg",
        "img/Floral Dress/img_00000002.jpg",
    ]


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("Anno/list_attr_img.txt", ("-1  1 -1 -1  1  0", "-1  1 -1 -1  1"), r"list_attr_img.txt:3: .*value"),
        ("Anno/list_attr_img.txt", ("-1  1 -1 -1  1  0", "-1  2 -1 -1  1  0"), r":3: attribute 'abstract': value '2'"),
        ("Anno/list_attr_img.txt", ("5\n", "6\n"), "5 rows, its first line says 6"),
        (
            "Anno/list_attr_cloth.txt",
            ("boho                         5", "boho   9"),
            r"list_attr_cloth.txt:8: 'boho   9'",
        ),
        ("Anno/list_category_img.txt", ("jpg                                       3", "jpg   7"), r":5: category '7'"),
        ("Eval/list_eval_partition.txt", (" test", " exam"), r":5: 'exam': expected train, val or test"),
        ("Anno/list_category_cloth.txt", ("5\n", "five\n"), r":1: 'five': expected the number of rows"),
    ],
)
def test_mistakes_name_the_line(tmp_path, name, change, message):
    text = FILES[name].replace(*change, 1)
    assert text != FILES[name]
    with pytest.raises(UserError, match=message):
        deepfashion.load(published(tmp_path, {name: text}))


def test_an_image_that_a_list_lacks(tmp_path):
    lines = FILES["Eval/list_eval_partition.txt"].splitlines()
    loaded = deepfashion.load(published(tmp_path, {"Eval/list_eval_partition.txt": "\n".join(["4", *lines[1:-1]])}))
    assert [(bad.image, bad.reason) for bad in loaded.bad] == [
        ("Img/img/Floral Dress/img_00000002.jpg", "not in list_eval_partition.txt")
    ]


def coarse(folder, changes=None):
    """As it is downloaded today: Anno_coarse in place of Anno."""
    published(folder, changes)
    (folder / "Anno").rename(folder / "Anno_coarse")
    return folder


def test_the_folders_of_todays_download(tmp_path):
    old = deepfashion.load(published(tmp_path / "old"))
    folder = coarse(tmp_path / "new")
    assert importing.source(folder) is deepfashion
    assert deepfashion.load(folder)[:2] == old[:2]


def test_a_row_twice_and_images_of_the_partition_alone(tmp_path):
    categories = FILES["Anno/list_category_img.txt"].replace("5\n", "7\n", 1)
    categories += "img/Skinny_Jean/img_00000001.jpg 3\nimg/Floral Dress/img_00000002.jpg 2\n"
    partition = FILES["Eval/list_eval_partition.txt"].replace("5\n", "6\n", 1) + "img/New/img_1.jpg train\n"
    changes = {"Anno/list_category_img.txt": categories, "Eval/list_eval_partition.txt": partition}
    loaded = deepfashion.load(coarse(tmp_path, changes))
    assert len(loaded.records) == 4
    assert [(bad.image.rpartition("img/")[2], bad.reason) for bad in loaded.bad] == [
        ("Floral Dress/img_00000002.jpg", "two categories in list_category_img.txt, Dress and Blazer (line 9)"),
        ("New/img_1.jpg", "not in list_attr_img.txt"),
    ]


FINE = {
    "list_category_cloth.txt": FILES["Anno/list_category_cloth.txt"],
    "list_attr_cloth.txt": "4\nattribute_name attribute_type\nfloral 1\nsolid 1\nlong_sleeve 2\nno dress 3\n",
    "train.txt": "img/A/1.jpg\nimg/A/2.jpg\n",
    "train_cate.txt": "1\n4\n",
    "train_attr.txt": "1 0 1 1\n0 1 0 0 \n",
    "test.txt": "img/B/1.jpg\n",
    "test_cate.txt": "3\n",
    "test_attr.txt": "0 1 1 0\n",
}


@pytest.mark.parametrize("inner", [False, True])
def test_the_finer_annotations(tmp_path, inner):
    (tmp_path / "Img" / "img").mkdir(parents=True)
    for name, text in FINE.items():
        part = name.split("_")[0].split(".")[0]
        folder = tmp_path / "Anno_fine" / (part if inner and part in ("train", "test") else "")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    loaded = deepfashion.load(tmp_path)
    assert loaded.catalog.names == ("upper body", "lower body", "full body", "pattern", "sleeve", "length")
    assert loaded.records[0].labels == (
        ("upper body", "Anorak"), ("pattern", "floral"), ("sleeve", "long_sleeve"), ("length", "no dress"),
    )  # fmt: skip
    assert list(loaded.partition.values()) == ["train", "train", "test"]
    path = next((tmp_path / "Anno_fine").rglob("train_attr.txt"))
    path.write_text("1 0 1 1\n0 1 0 2\n")
    with pytest.raises(UserError, match="train_attr.txt:2: '0 1 0 2': expected 4 values, each 0 or 1"):
        deepfashion.load(tmp_path)
    path.write_text("1 0 1 1\n")
    with pytest.raises(UserError, match="lists of different lengths"):
        deepfashion.load(tmp_path)
