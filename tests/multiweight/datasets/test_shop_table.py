import json

import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing, shop_table
from multiweight.records import bad_images

KEYWORDS = """\
groups:
  颜色:
    红: [红色, 大红]
    黑: [黑色]
  Sleeve: {kind: attribute, labels: {long: [长袖, long sleeve], short: [短袖, short sleeve]}}
drop: [红色家园]
"""
TABLE = """\
image,product,text_title,text,Garment,Colour
a 1.jpg,p1,韩版修身长袖连衣裙 红色,Long sleeve dress,dress,red
照片.jpg,p1,,,dress,red|white
b.jpg,p2,黑色短袖衬衫,,shirt,!red|?white
c.jpg,p3,红色家园 短袖,,shirt,?
d.jpg,p4,,Long  SLEEVE dress 大红,dress|!shirt,
"""


def shop(folder, table=TABLE, keywords=KEYWORDS, name="shop.csv"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode("utf-8"))
    if keywords:
        (folder / "keywords.yaml").write_text(keywords, encoding="utf-8")
    for image in ("a 1.jpg", "照片.jpg", "b.jpg", "c.jpg", "d.jpg"):
        cv2.imencode(".jpg", np.full((30, 20, 3), 80, np.uint8))[1].tofile(folder / image)
    return folder


def test_columns_and_texts(tmp_path):
    loaded = shop_table.load(shop(tmp_path), 1)
    assert {group.name: group.labels for group in loaded.catalog.groups} == {
        "颜色": ("红", "黑"),
        "Sleeve": ("long", "short"),
        "Garment": ("dress", "shirt"),
        "Colour": ("red", "white"),
    }
    record_of = {record.image: record for record in loaded.records}
    assert set(record_of["a 1.jpg"].labels) == {
        ("颜色", "红"),
        ("Sleeve", "long"),
        ("Garment", "dress"),
        ("Colour", "red"),
    }
    assert record_of["b.jpg"].no == (("Colour", "red"),) and record_of["b.jpg"].unknown == (("Colour", "white"),)
    assert record_of["b.jpg"].labels == (("Garment", "shirt"), ("颜色", "黑"), ("Sleeve", "short"))
    # The name of a village is dropped as a phrase before the colour in it is met.
    assert record_of["c.jpg"].labels == (("Garment", "shirt"), ("Sleeve", "short"))
    assert record_of["c.jpg"].unknown == (("Colour", "*"),)
    assert ("颜色", "红") in record_of["d.jpg"].labels and record_of["d.jpg"].no == (("Garment", "shirt"),)
    assert not loaded.bad


def test_edited_keywords_are_noticed(tmp_path):
    folder = shop(tmp_path / "set")
    dataset = Dataset("shop", tmp_path / "runs")
    assert importing.import_dataset(dataset, folder, progress=quiet)[1]
    assert not importing.import_dataset(dataset, folder, progress=quiet)[1]
    (folder / "keywords.yaml").write_text(KEYWORDS.replace("大红", "深红"), encoding="utf-8")
    with pytest.raises(UserError, match=r"made with inputs that have changed since \(keywords.yaml\): use --overwrite"):
        importing.import_dataset(dataset, folder, progress=quiet)
    assert importing.import_dataset(dataset, folder, overwrite=True, progress=quiet)[1]


def test_jsonl_says_the_same(tmp_path):
    csv = shop_table.load(shop(tmp_path / "csv"), 1)
    header, *rows = [line.split(",") for line in TABLE.splitlines()]
    lines = [
        json.dumps({k: v.split("|") if k == "Colour" else v for k, v in zip(header, row) if v}, ensure_ascii=False)
        for row in rows
    ]
    other = shop_table.load(shop(tmp_path / "jsonl", "\n".join(lines), name="shop.jsonl"), 1)
    assert other == csv


def test_rare_labels_and_the_persons_own_catalog(tmp_path):
    loaded = shop_table.load(shop(tmp_path), 2)
    assert loaded.catalog.group("Garment").labels == ("dress", "shirt")
    assert "颜色: left out 1 labels of fewer than 2 products" in loaded.notes
    (tmp_path / "catalog.yaml").write_text("groups:\n  Garment: [dress]\n")
    with pytest.raises(UserError, match=r"shop.csv:2: a 1.jpg: Colour=red is not in catalog.yaml"):
        shop_table.load(tmp_path)


def test_bad_rows_are_listed_and_conflicts_left_out(tmp_path):
    more = "../x.jpg,p5,,,dress,\n/etc/y.jpg,p5,,,dress,\nb.jpg,p2,黑色短袖衬衫,,dress,\n"
    more += "c.jpg,p3,红色家园 短袖,,shirt,?\n,p6,,,,\n"
    dataset = Dataset("shop", tmp_path / "runs")
    result, _ = importing.import_dataset(dataset, shop(tmp_path / "s", TABLE + more), max_bad=0.7, progress=quiet)
    assert result["images"] == 4 and result["bad"] == 6
    assert [(bad.image, bad.reason) for bad in bad_images.read(dataset.bad_images)] == [
        ("shop.csv:7", "image '../x.jpg' leads out of the data directory with '..'"),
        ("shop.csv:8", "image '/etc/y.jpg' is an absolute path: expected one relative to the data directory"),
        ("shop.csv:11", "image '' is empty or has spaces at its ends"),
        ("shop.csv:9", "conflicting row for b.jpg, first on line 4"),
        ("b.jpg", "its rows contradict each other"),
        ("shop.csv:10", "the same row for c.jpg, first on line 5"),
    ]


@pytest.mark.parametrize(
    "table, message",
    [
        ("image,text\na.jpg,x\n", r"shop.csv:1: no column 'product': found image, text"),
        ("image,product,a,a\nx.jpg,p,,\n", r"shop.csv:1: the column 'a' stands twice"),
        ("image,product,a\nx.jpg,p,1,2\n", r"shop.csv:2: 4 fields, expected 3"),
        ("image,product,a\nx.jpg,p,red|!red\n", r"shop.csv:2: a: label 'red': yes and no at once"),
        ("image,product,a\nx.jpg,p,'!'\ny.jpg,p,!\n", r"shop.csv:3: a: '!' alone"),
        ("image,product,text\nx.jpg,p,红色\n".encode("gbk"), r"shop.csv:2: not UTF-8"),
        ('image,product,text\n"x.jpg,p,red\n', r"shop.csv:2: broken CSV"),
        ("image,product,text\n", "shop.csv: no usable row"),
        (b"\xef\xbb\xbfimage,product,text\r\na 1.jpg,p,\r\n", "no labels: give label columns"),
    ],
)
def test_mistakes_name_the_line(tmp_path, table, message):
    with pytest.raises(UserError, match=message):
        shop_table.load(shop(tmp_path, table))


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"image": "a.jpg"', r"shop.jsonl:1: not valid JSON"),
        ('["a.jpg"]', r"shop.jsonl:1: expected a JSON object"),
        ('{"image": "a.jpg"}', r"shop.jsonl:1: no column 'product'"),
        ('{"image": "a.jpg", "product": "p", "c": {"x": 1}}', r"shop.jsonl:1: c: .*expected a text"),
    ],
)
def test_mistakes_in_jsonl(tmp_path, line, message):
    with pytest.raises(UserError, match=message):
        shop_table.load(shop(tmp_path, line + "\n", name="shop.jsonl"))


def test_texts_that_give_no_labels_are_told(tmp_path):
    """Without keywords.yaml, and with one that nobody has edited yet."""
    mined = "candidates:\n  red: {count: 3}\n"
    for name, keywords, output in (("a", "", "no "), ("b", mined, "move candidates into groups")):
        loaded = shop_table.load(shop(tmp_path / name, keywords=keywords), 2)
        assert any(output in note and note.endswith("the texts give no labels") for note in loaded.notes), loaded.notes


@pytest.mark.parametrize("mark, name", [(";", "';'"), ("\t", "tabs")])
def test_columns_that_are_not_separated_by_commas_are_told(tmp_path, mark, name):
    (tmp_path / "shop.csv").write_text(f"image{mark}product{mark}Colour\na.jpg{mark}1{mark}red\n")
    with pytest.raises(UserError, match=rf"shop\.csv:1: the columns are separated by {name}: save it as CSV"):
        shop_table.load(tmp_path)
