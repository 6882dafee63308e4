"""Tables of real shops: what spreadsheets, pandas and other machines leave in them."""

import hashlib
import io
import json
import os
import shutil
import zipfile

import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing, label_columns, shop_table
from multiweight.pack import packing
from multiweight.photos import images
from multiweight.prepare import cleaning, split
from multiweight.records import bad_images

JPEG = cv2.imencode(".jpg", np.random.RandomState(0).randint(0, 256, (40, 30, 3)).astype(np.uint8))[1].tobytes()


def shop(folder, table, name="shop.csv", photos=()):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode("utf-8"))
    for photo in photos:
        (folder / photo).write_bytes(JPEG)
    return folder


def labels(loaded):
    return {record.image: {"=".join(pair) for pair in record.labels} for record in loaded.records}


WORDS = ["", "NA", "n/a", "NaN", "None", "null", "-", "#N/A", "<NA>", "nan"]


def test_words_for_a_missing_value_are_no_labels(tmp_path):
    rows = "".join(f"{n}.jpg,p{n},{word},red\n" for n, word in enumerate([*WORDS, "cotton", "cotton"]))
    loaded = shop_table.load(shop(tmp_path, "image,product,Fabric,Colour\n" + rows))
    assert {group.name: group.labels for group in loaded.catalog.groups} == {"Fabric": ("cotton",), "Colour": ("red",)}
    assert any(note.startswith("Fabric: 9 cells say nothing (") for note in loaded.notes)
    # A person's own catalog may have such a word as a label.
    (tmp_path / "catalog.yaml").write_text("groups:\n  Fabric: [cotton, None]\n  Colour: [red]\n")
    assert labels(shop_table.load(tmp_path))["4.jpg"] == {"Fabric=None", "Colour=red"}


def test_json_says_missing_in_its_own_way(tmp_path):
    lines = [f'{{"image": "{n}.jpg", "product": {n}, "A": {value}}}' for n, value in enumerate(
        ["NaN", "null", '"None"', '["x", "NaN"]', '"x"', '""'])]  # fmt: skip
    loaded = shop_table.load(shop(tmp_path, "\n".join(lines), "shop.jsonl"), 1)
    assert loaded.catalog.group("A").labels == ("x",)
    assert [bool(record.labels) for record in loaded.records] == [False, False, False, True, True, False]


def test_columns_that_look_like_no_labels_are_told(tmp_path):
    header = "image,product,Colour,price,title,Size\n"
    rows = "".join(f"{n}.jpg,p{n},{'red' if n % 2 else 'blue'},{n * 3.5 + 9.99:.2f},A fine dress no. {n},{36 + n % 4}\n"
                   for n in range(40))  # fmt: skip
    notes = shop_table.load(shop(tmp_path, header + rows)).notes
    columns = [note.split(":")[0] for note in notes if "looks like no labels" in note]
    assert columns == ["price", "title"]
    assert "text_title" in next(note for note in notes if note.startswith("title: looks"))
    assert label_columns.doubt({"¥ 199.00": 1, "¥ 29.90": 1, "¥ 9.90": 2}).startswith("numbers, 3 different")
    assert not label_columns.doubt({"red": 3, "blue": 2, "navy": 1})


def test_two_tables_are_refused(tmp_path):
    folder = shop(tmp_path, "image,product,A\na.jpg,p,x\n")
    shop(folder, '{"image": "b.jpg", "product": "q", "A": "y"}\n', "shop.jsonl")
    with pytest.raises(UserError, match="shop.csv and shop.jsonl: two tables: keep one"):
        importing.import_dataset(Dataset("s", tmp_path / "runs"), folder, min_products=1, progress=quiet)


TABLE = "image,product,A\n" + "".join(f"{n}.jpg,p{n},{'x' if n % 2 else 'y'}\n" for n in range(8))


def test_photos_that_come_or_go_are_noticed_and_one_command_takes_them_in(tmp_path):
    folder = shop(tmp_path / "s", TABLE, photos=[f"{n}.jpg" for n in range(7)])
    dataset = Dataset("s", tmp_path / "runs")

    def bring(overwrite=False):
        return importing.import_dataset(dataset, folder, max_bad=0.5, overwrite=overwrite, progress=quiet)

    assert bring()[0]["images"] == 7 and not bring()[1]
    split.split_dataset(dataset)
    packing.pack(importing_engine(), dataset, packing.Settings(size=16), progress=quiet)
    (folder / "7.jpg").write_bytes(JPEG)
    with pytest.raises(UserError, match=r"1 photos that were missing are there now.*OVERWRITE=1"):
        bring()
    assert bring(overwrite=True)[0]["images"] == 8 and not bring()[1]
    assert bad_images.read(dataset.bad_images) == []
    (folder / "3.jpg").write_bytes(JPEG + b"\0")
    with pytest.raises(UserError, match="photos have gone or changed"):
        bring()
    bring(overwrite=True)
    with pytest.raises(UserError, match="made with (photos|train) that have changed"):
        packing.pack(importing_engine(), dataset, packing.Settings(size=16), progress=quiet)


OTHER = cv2.imencode(".jpg", np.random.RandomState(1).randint(0, 256, (40, 30, 3)).astype(np.uint8))[1].tobytes()
SAME_SIZE = [photo.ljust(max(len(JPEG), len(OTHER)), b"\0") for photo in (JPEG, OTHER)]


@pytest.fixture(params=["files", "zip"])
def photos(request, tmp_path):
    """A shop, and what puts other bytes in the place of a photo."""
    name = "{}.jpg" if request.param == "files" else "a.zip::{}.jpg"
    rows = "".join(f"{name.format(n)},p{n},{'x' if n % 2 else 'y'}\n" for n in range(8))
    folder = shop(tmp_path / "s", "image,product,A\n" + rows)
    there = dict.fromkeys(range(8), SAME_SIZE[0])

    def put_photo(number, photo):
        there[number] = photo
        if request.param == "files":
            (folder / f"{number}.jpg").write_bytes(photo)
            return
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            for n, content in there.items():
                archive.writestr(f"{n}.jpg", content)

    for number in there:
        put_photo(number, SAME_SIZE[0])
    return folder, put_photo


def test_a_photo_of_as_many_bytes_is_noticed(photos, tmp_path):
    (folder, put_photo), dataset = photos, Dataset("s", tmp_path / "runs")
    assert importing.import_dataset(dataset, folder, progress=quiet)[1]
    put_photo(3, SAME_SIZE[1])
    with pytest.raises(UserError, match="photos have gone or changed"):
        importing.import_dataset(dataset, folder, progress=quiet)
    assert importing.import_dataset(dataset, folder, overwrite=True, progress=quiet)[1]
    put_photo(3, SAME_SIZE[0])
    with pytest.raises(UserError, match="photos have gone or changed"):
        importing.import_dataset(dataset, folder, progress=quiet)


def test_photos_copied_or_touched_are_read_once_and_not_imported_again(photos, tmp_path, monkeypatch):
    folder, dataset = photos[0], Dataset("s", tmp_path / "runs")
    before, _ = importing.import_dataset(dataset, folder, progress=quiet)
    copy = shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    read = []
    read_bytes = images.ImageFolder.bytes
    monkeypatch.setattr(images.ImageFolder, "bytes", lambda self, name: read.append(name) or read_bytes(self, name))
    result, done = importing.import_dataset(dataset, copy, progress=quiet)
    files = (folder / "0.jpg").exists()
    assert not done and len(read) == (8 if files else 0)
    assert result["photos_sha256"] == before["photos_sha256"]
    assert not importing.import_dataset(dataset, copy, progress=quiet)[1] and len(read) == (8 if files else 0)
    if files:
        os.utime(copy / "2.jpg", (1, 1))
        assert not importing.import_dataset(dataset, copy, progress=quiet)[1] and len(read) == 16


def test_an_import_of_before_knows_the_sizes_alone(photos, tmp_path):
    (folder, put_photo), dataset = photos, Dataset("s", tmp_path / "runs")
    mark, _ = importing.import_dataset(dataset, folder, progress=quiet)
    records = sorted(line.split(",")[0] for line in (folder / "shop.csv").read_text().splitlines()[1:])
    names_and_sizes = "".join(f"{name}\0{len(SAME_SIZE[0])}\0" for name in records)
    mark = {**mark, "photos_sha256": hashlib.sha256(names_and_sizes.encode()).hexdigest()}
    del mark["photos_state_sha256"]
    dataset.import_mark.write_text(json.dumps(mark))
    assert not importing.import_dataset(dataset, folder, progress=quiet)[1]
    put_photo(3, SAME_SIZE[0] + b"\0")
    with pytest.raises(UserError, match="photos have gone or changed"):
        importing.import_dataset(dataset, folder, progress=quiet)


def importing_engine():
    from multiweight.base import engine

    return engine.messages("torch")


def test_a_damaged_member_of_a_zip_goes_the_whole_way(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n in range(8):
            archive.writestr(f"{n}.jpg", JPEG, [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA][n % 2])
    data = bytearray(file.getvalue())
    for n in (2, 3):
        at = data.index(f"{n}.jpg".encode()) + 5
        data[at : at + 40] = b"\xff" * 40
    rows = "".join(f"a.zip::{n}.jpg,p{n},{'x' if n % 2 else 'y'}\n" for n in range(8))
    folder = shop(tmp_path / "s", "image,product,A\n" + rows)
    (folder / "a.zip").write_bytes(data)
    dataset = Dataset("s", tmp_path / "runs")
    importing.import_dataset(dataset, folder, progress=quiet)
    assert cleaning.clean_dataset(dataset, cleaning.Settings(repeats=100), progress=quiet)[0]["unreadable"] == 2
    assert split.split_dataset(dataset, 0.4, duplicates="dedupe")[0]["near_duplicates"]["pairs"] == 15  # of 6 photos
    split.split_dataset(dataset, 0.4, overwrite=True)
    result, _ = packing.pack(importing_engine(), dataset, packing.Settings(size=16, max_bad=0.5), progress=quiet)
    assert sum(result["counts"].values()) == 6
    reasons = {bad.image: bad.reason for bad in bad_images.read(dataset.bad_images)}
    assert set(reasons) == {"a.zip::2.jpg", "a.zip::3.jpg"} and all(
        "cannot be read" in reason for reason in reasons.values()
    )


def test_labels_of_other_keyboards(tmp_path):
    persian = "\u0645\u200c\u062e"
    rows = f"a.jpg,p1,dark\u00a0red,{persian}\nb.jpg,p2,dark red,{persian}\n"
    rows += "c.jpg,p3,cafe\u0301,x\nd.jpg,p4,caf\u00e9,x\n"
    loaded = shop_table.load(shop(tmp_path, "image,product,Co\u00a0lour,W\n" + rows))
    assert loaded.catalog.group("Co lour").labels == ("caf\u00e9", "dark red")
    assert loaded.catalog.group("W").labels == ("x", persian)


def test_ids_of_spreadsheets(tmp_path):
    rows = "a.jpg,1163.0,x\nb.jpg,1163,x\nc.jpg,6.92E+12,x\nd.jpg,1164.0,x\n"
    loaded = shop_table.load(shop(tmp_path, "image,product,A\n" + rows))
    assert [record.product for record in loaded.records] == ["1163", "1163", "1164"]
    assert [bad.image for bad in loaded.bad] == ["shop.csv:4"] and "shortened" in loaded.bad[0].reason
    assert "product: 2 ids as 1163.0 are read without the .0" in loaded.notes


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_ends(tmp_path, end):
    loaded = shop_table.load(shop(tmp_path, end.join(["image,product,A", "a.jpg,p,x", "b.jpg,q,x", ""])))
    assert len(loaded.records) == 2


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("shop.csv", "image,product,A\n/x/a.jpg,p,x\nC:\\b.jpg,q,x\n",
         r"shop.csv: no usable row; 2 cannot be used, the first \(shop.csv:2\): image '/x/a.jpg' is an absolute path"),
        ("shop.csv", "image,product,A\na.jpg,p,x\nb.jpg,q,y\n",
         "all 2 labels .*: lower --min-products .of make: min_products below import"),
        ("shop.csv", "image,product,A=B\na.jpg,p,x\n", "shop.csv:1: column 'A=B' holds '='"),
        ("shop.csv", "image,product,New!\na.jpg,p,x\n", "shop.csv:1: column 'New!' ends in a mark"),
        ("shop.csv", "image,product,A\na.jpg,p,x\x07y\n", r"shop.csv:2: A: label .* control character U\+0007"),
        ("shop.csv", "image,product,A\na.jpg,p,x=y\n", "shop.csv:2: A: label 'x=y' holds '='"),
        ("shop.csv", "image,product,A\na.jpg,NA,x\n", r"shop.csv:2\): has no product \(NA\)"),
        ("shop.jsonl", '{"image": "a.jpg", "product": "p", "A": 1, "A": 2}', "shop.jsonl:1: the key 'A' stands twice"),
        ("shop.jsonl", '\n{"image": "a.jpg", "product": "p", "A": "\\ud800"}', "shop.jsonl:2: .*surrogate"),
        ("shop.jsonl", '{"image": "a.jpg", "product": ' + "7" * 5000 + "}", "shop.jsonl:1: a number of 5,000 digits"),
        ("shop.jsonl", '{"image": "a.jpg", "product": "p", "A": [["x"]]}', r"shop.jsonl:1: A: \[\['x'\]\]: expected"),
        ("shop.jsonl", '{"image": "a.jpg", "product": "p", "A": Infinity}', "shop.jsonl:1: Infinity"),
        ("shop.jsonl", "[" * 100_000, "shop.jsonl:1: "),
        ("shop.jsonl", "7\n", "shop.jsonl:1: expected a JSON object"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_with_file_and_line(tmp_path, name, table, message):
    with pytest.raises(UserError, match=message) as caught:
        shop_table.load(shop(tmp_path, table, name))
    assert "\n" not in str(caught.value)


def test_a_table_of_hypothesis_rows(tmp_path):
    """Whatever stands in a cell, the row is a record, a listed row, or a line of complaint."""
    rng = np.random.RandomState(0)
    marks = list("ab=|!?,\"'\\/.-*0 \t") + ["\u00a0", "\u200c", "\u202e", "e\u0301", "红", "\x07", "NA", "::", ".."]
    for _ in range(300):
        cells = ["".join(rng.choice(marks, rng.randint(0, 5))) for _ in range(3)]
        row = json.dumps(dict(zip(("image", "product", "A"), cells)))
        try:
            shop_table.load(shop(tmp_path, row, "shop.jsonl"), 1)
        except UserError as error:
            assert "\n" not in str(error) and str(tmp_path) in str(error)
