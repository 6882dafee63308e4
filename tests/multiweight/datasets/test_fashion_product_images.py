import csv
import os
import zipfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import unchecked
from checkout import REPOSITORY

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import fashion_product_images as fashion
from multiweight.datasets import importing
from multiweight.records import bad_images, records
from multiweight.records.catalog import Catalog
from small_shop import drawn

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"
ROWS = [
    "1,Men,Apparel,Topwear,Shirts,Navy Blue,Fall,2011.0,Casual,Turtle Check Men Navy Blue Shirt",
    "2,Men,Apparel,Topwear,Shirts,Blue,Summer,2012.0,,Peter England Men Party Blue",
    "3,Women,Apparel,Topwear,Tops,Blue,Summer,2012.0,NA,Top",
    '4,Women,Apparel,Topwear,Tops,NA,Fall,,Casual,"Women\'s 3.5"" Top, striped"',
    "5,Women,Accessories,Watches,Watches,Silver,Winter,2016.0,Casual,Titan Women Silver Watch",
    "6,Women,Accessories,Watches,Watches,Navy Blue,Winter,2016.0,Casual,Titan",
    "7,Men,Apparel,Bottomwear,Jeans,Blue,Summer,2012.0,Casual,Jeans",
    "8,Men,Apparel,Bottomwear,Shorts,Blue,Summer,2012.0,Casual,Shorts",
]
JPEG = cv2.imencode(".jpg", np.full((80, 60, 3), 99, np.uint8))[1].tobytes()


def kaggle(folder: Path, rows=ROWS, zipped=False, leave_out=()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "styles.csv").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    names = [f"images/{n}.jpg" for n in range(1, 13) if n not in leave_out]
    if zipped:
        with zipfile.ZipFile(folder / "images.zip", "w") as archive:
            for name in names:
                archive.writestr(name, JPEG)
    else:
        (folder / "images").mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes(JPEG)
    return folder


def test_groups_and_labels(tmp_path):
    loaded = fashion.load(kaggle(tmp_path))
    catalog = loaded.catalog
    # Silver is on one product; Watches has one article type; each type of Bottomwear is on one product.
    assert {group.name: group.labels for group in catalog.groups} == {
        "gender": ("Men", "Women"),
        "season": ("Fall", "Summer", "Winter"),
        "usage": ("Casual",),
        "baseColour": ("Blue", "Navy Blue"),
        "Topwear": ("Shirts", "Tops"),
    }
    assert [group.kind for group in catalog.groups] == ["attribute"] * 4 + ["type"]
    assert "left out Silver" in loaded.notes[0]
    single = "Bottomwear (Jeans 1, Shorts 1), Watches (Watches 2)"
    assert loaded.notes[1] == (
        f"no group for subCategory {single}: fewer than two article types with 2 products or more"
    )
    first, second = loaded.records[0], loaded.records[1]
    assert first.image == "images/1.jpg" and first.product == "1"
    assert dict(first.labels) == {
        "gender": "Men",
        "season": "Fall",
        "usage": "Casual",
        "baseColour": "Navy Blue",
        "Topwear": "Shirts",
    }
    assert "usage" not in dict(second.labels) and "baseColour" not in dict(loaded.records[3].labels)
    # Bottomwear, and of the titles: Check and striped (Pattern), Party (Event).
    every = fashion.load(tmp_path, min_products=1).catalog
    assert every.names[4:] == ("Bottomwear", "Topwear", "Pattern", "Event")
    assert every.group("Pattern").labels == ("checked", "striped")


def test_zip_is_read_in_place(tmp_path):
    loaded = fashion.load(kaggle(tmp_path, zipped=True))
    assert loaded.records[0].image == "images.zip::images/1.jpg"
    assert not (tmp_path / "images").exists()


def test_members_that_lead_out_of_the_archive_are_refused(tmp_path):
    folder = kaggle(tmp_path / "data", zipped=True)
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for name in ("../../1.jpg", "/images/2.jpg", *(f"images/{n}.jpg" for n in range(3, 9))):
            archive.writestr(name, JPEG)
    dataset = Dataset("shop", tmp_path / "runs")
    importing.import_dataset(dataset, folder, max_bad=0.5, progress=quiet)
    assert [(bad.image, bad.reason[:20]) for bad in bad_images.read(dataset.bad_images)] == [
        ("images.zip::../../1.jpg", "leads out of the dat"),
        ("images.zip::/images/2.jpg", "is an absolute path:"),
    ]


def test_nothing_is_left_out_silently(tmp_path):
    rows = [*ROWS, "9,Men,Apparel,Topwear,Shirts,Blue,Fall,2012.0,Casual,A shirt, unquoted", "10,Men,Apparel"]
    rows += ["1,Men,Apparel,Topwear,Shirts,Blue,Fall,2012.0,Casual,again", "../x" + ROWS[0][1:]]
    folder = kaggle(tmp_path / "data", rows, leave_out=(3,))
    dataset = Dataset("shop", tmp_path / "runs")
    with pytest.raises(UserError, match=r"5 of 12 images cannot be used \(41.67%, allowed 1.00%\).*--max-bad"):
        importing.import_dataset(dataset, folder, progress=quiet)
    assert not dataset.records.exists()
    result, _ = importing.import_dataset(dataset, folder, max_bad=0.5, progress=quiet)
    assert (result["images"], result["bad"]) == (7, 5)
    assert [(bad.image, bad.reason) for bad in bad_images.read(dataset.bad_images)] == [
        ("styles.csv:10", "11 fields, expected 10: an unquoted comma?"),
        ("styles.csv:11", "3 fields, expected 10"),
        ("styles.csv:12", "id 1 stands twice, first on line 2"),
        ("styles.csv:13", "id '../x': expected letters, digits, - and _"),
        ("images/3.jpg", "no such file"),
    ]
    assert len(records.read(dataset.records, Catalog.load(dataset.catalog))) == 7


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match="no such directory"):
        importing.source(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no known layout.*records.csv, catalog.yaml.*styles.csv"):
        importing.source(tmp_path)
    (tmp_path / "styles.csv").write_text("id,gender\n1,Men\n")
    with pytest.raises(UserError, match=r"styles.csv:1: no column 'subCategory': found id, gender"):
        fashion.load(tmp_path)
    (tmp_path / "styles.csv").write_text(HEADER + ROWS[0] + "\n")
    with pytest.raises(UserError, match="neither images/ nor images.zip"):
        fashion.load(tmp_path)
    (tmp_path / "images.zip").write_bytes(b"half a download")
    with pytest.raises(UserError, match="images.zip: the archive cannot be read .*download it again"):
        fashion.load(tmp_path)


def test_sources_are_told_apart(tmp_path):
    shop = drawn(tmp_path)
    assert importing.source(shop).NAME == "records"
    assert importing.source(kaggle(tmp_path / "kaggle")).NAME == "fashion_product_images"
    kaggle(shop)
    with pytest.raises(UserError, match="fits records and fashion_product_images: choose one with --source"):
        importing.source(shop)
    assert importing.source(shop, "records").NAME == "records"
    with pytest.raises(
        UserError, match="source 'zara' is unknown: expected one of records, shop, fashion_product_images"
    ):
        importing.source(shop, "zara")


def test_unknown_label_in_a_shops_records_names_the_line(tmp_path):
    shop = drawn(tmp_path)
    text = (shop / "records.csv").read_text().replace("Garment=dress", "Garment=gown", 1)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "gown" in row)
    (shop / "records.csv").write_text(text)
    with pytest.raises(UserError, match=rf"records.csv:{line}: label 'gown' is not in group 'Garment'.*dress"):
        importing.import_dataset(Dataset("shop", tmp_path / "runs"), shop, progress=quiet)


def test_the_real_set():
    shared = Path(os.environ.get("MULTIWEIGHT_DATASETS", REPOSITORY.parent / "shared" / "datasets"))
    folder = shared / "fashion-product-images-small"
    if not folder.is_dir():
        unchecked.skip("the importer on the real photos", f"they are not at {folder}: set MULTIWEIGHT_DATASETS")
    loaded = fashion.load(folder)
    assert len(loaded.records) == 35588 and not loaded.bad
    assert loaded.catalog.names[:4] == ("gender", "season", "usage", "baseColour")
    assert len(loaded.catalog.groups) == 29
    assert loaded.catalog == Catalog.load(fashion.KEYWORDS.with_name("fashion_product_images.catalog.yaml"))
    counts = Counter(group for record in loaded.records for group in record.groups)
    shares = [counts[name] / len(loaded.records) for name in loaded.catalog.names]
    assert max(shares) == 1.0 and 0 < min(shares) < 0.01
    shirt = next(record for record in loaded.records if record.product == "1163")
    assert ("Collar", "round neck") in shirt.labels  # Nike Sahara Team India Fanwear Round Neck Jersey
    brand = "S Polo Assn"
    polo = {record.product for record in loaded.records if ("Collar", "polo") in record.labels}
    with (folder / "styles.csv").open(encoding="utf-8") as file:
        titles = {row["id"]: row["productDisplayName"] for row in csv.DictReader(file)}
    assert not any(brand in titles[key] and titles[key].count("Polo") == 1 for key in polo)


def test_keywords_of_the_titles(tmp_path):
    rows = [
        f"{n},Men,Apparel,Topwear,Shirts,Blue,Summer,2012.0,Casual,{title}"
        for n, title in enumerate(
            ["Nike Printed Polo T-shirt", "Puma Men's prints POLO", "U.S. Polo Assn. Striped Shirt", "Lee Striped Tee"],
            1,
        )
    ]
    loaded = fashion.load(kaggle(tmp_path, rows))
    mined = [dict(record.labels) for record in loaded.records]
    assert [row.get("Pattern") for row in mined] == ["printed", "printed", "striped", "striped"]
    assert [row.get("Collar") for row in mined] == ["polo", "polo", None, None]


def test_ids_of_a_spreadsheet_and_names_unfit_for_records(tmp_path):
    rows = [row.replace(",", ".0,", 1) for row in ROWS]
    rows.append("9,Men,Apparel,Topwear,Shirts,a|b,Fall,2011.0,Casual,x")
    loaded = fashion.load(kaggle(tmp_path, rows))
    assert [record.product for record in loaded.records] == [str(n) for n in range(1, 9)]
    assert loaded.records[0].image == "images/1.jpg"
    assert [(bad.image, bad.reason[:12]) for bad in loaded.bad] == [("styles.csv:10", "'a|b' holds ")]
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("a.jpg", JPEG)
    assert "images.zip is not read: images/ is taken" in fashion.load(tmp_path).notes
    with pytest.raises(
        UserError, match=r"no usable row .*1 cannot be used, the first \(styles.csv:2\): no id: found ''"
    ):
        fashion.load(kaggle(tmp_path / "b", [",".join([""] * 10)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("Topwear", "season"),
            r"styles.csv: subCategory 'season' has the name of a column that is a group: rename it",
        ),
        (("Topwear", "Pattern"), r"keywords.yaml: group 'Pattern' has the name of a subCategory of .*styles.csv"),
    ],
)
def test_a_group_that_would_replace_another_is_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        fashion.load(kaggle(tmp_path, [row.replace(*change) for row in ROWS]))


def test_a_table_without_titles_has_no_keyword_groups_and_says_so(tmp_path):
    folder = kaggle(tmp_path, ["1,Topwear,Shirts,Men,Fall,Casual,Blue", "2,Topwear,Tops,Men,Fall,Casual,Blue"])
    text = (
        (folder / "styles.csv")
        .read_text()
        .replace(HEADER, "id,subCategory,articleType,gender,season,usage,baseColour\n")
    )
    (folder / "styles.csv").write_text(text)
    loaded = fashion.load(folder, min_products=1)
    assert loaded.catalog.names == ("gender", "season", "usage", "baseColour", "Topwear")
    assert loaded.notes == ["no group of keywords: styles.csv has no column 'productDisplayName'"]


def test_an_id_that_is_missing_is_told_as_such(tmp_path):
    rows = [*ROWS, "NA" + ROWS[0][1:], "a b" + ROWS[0][1:]]
    assert [bad.reason for bad in fashion.load(kaggle(tmp_path, rows)).bad] == [
        "no id: found 'NA'",
        "id 'a b': expected letters, digits, - and _",
    ]


def test_of_two_photos_of_one_id_the_jpg_is_taken(tmp_path):
    folder = kaggle(tmp_path)
    (folder / "images" / "1.png").write_bytes(JPEG)
    (folder / "images" / "2.JPG").write_bytes(JPEG)
    images = [record.image for record in fashion.load(folder).records]
    assert images[:2] == ["images/1.jpg", "images/2.JPG"]
