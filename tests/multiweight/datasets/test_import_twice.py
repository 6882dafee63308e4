"""Every source: what is left out stays left out, and the same command again finds the import done."""

import json

import pytest

from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.records import bad_images, records

PHOTO = b"any bytes: an import does not decode"


def write(folder, files, photos):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    for name in photos:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(PHOTO)


def imported(tmp_path, files, photos, max_bad=0.9):
    folder = tmp_path / "source"
    write(folder, files, photos)
    dataset = Dataset("x", tmp_path / "runs")
    first, done = importing.import_dataset(dataset, folder, max_bad=max_bad, progress=quiet)
    assert done
    return folder, dataset, first


def again(folder, dataset):
    return importing.import_dataset(dataset, folder, max_bad=0.9, progress=quiet)[1]


def left_out(dataset):
    return {item.image: item.reason for item in bad_images.read(dataset.bad_images)}


def images(dataset):
    return [record.image for record in records.read(dataset.records)]


SHOP = "image,product,Colour\na.jpg,p1,red\n{}b.jpg,p2,red\nc.jpg,p3,red\n"


def deepfashion(partition="", categories=""):
    photos = [f"img/P{n}/a.jpg" for n in range(4)]

    def listed(head, rows):
        return f"{len(rows)}\n{head}\n" + "".join(f"{row}\n" for row in rows)

    part = [f"{name} {'train' if n < 2 else 'test'}" for n, name in enumerate(photos)] + partition.split("\n")
    category = [f"{name} 1" for name in photos] + categories.split("\n")
    files = {
        "Anno/list_category_cloth.txt": listed("name type", ["Tee 1", "Jeans 2"]),
        "Anno/list_attr_cloth.txt": listed("name type", ["floral 1", "lace 2"]),
        "Anno/list_category_img.txt": listed("image category", [row for row in category if row]),
        "Anno/list_attr_img.txt": listed("image values", [f"{name} 1 -1" for name in photos]),
        "Eval/list_eval_partition.txt": listed("image part", [row for row in part if row]),
    }
    return files, [f"Img/{name}" for name in photos]


def imaterialist(annotated):
    labels = "labelId,taskId,labelName,taskName\n1,1,dress,category\n2,2,red,color\n"
    train = {
        "images": [{"imageId": n} for n in (1, 2, 3)],
        "annotations": [{"imageId": n, "labelId": [1, 2]} for n in annotated],
    }
    files = {"iMat_fashion_2018_label_map_228.csv": labels, "train.json": json.dumps(train)}
    return files, [f"train/{n}.jpg" for n in (1, 2, 3)]


CASES = {
    "shop": ({"shop.csv": SHOP.format("a.jpg,p1,blue\n")}, ["a.jpg", "b.jpg", "c.jpg"]),
    "DeepFashion": deepfashion(categories="img/P0/a.jpg 2"),
    "iMaterialist": imaterialist([1, 2]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_photo_that_is_there_and_left_out_does_not_count_as_come_since(tmp_path, case):
    folder, dataset, result = imported(tmp_path, *CASES[case])
    assert result["bad"] >= 1 and not again(folder, dataset)
    # One that was missing and comes is noticed all the same, and counted.
    photo = folder / images(dataset)[-1]
    photo.unlink()
    with pytest.raises(UserError, match="photos have gone or changed, since the import"):
        again(folder, dataset)
    importing.import_dataset(dataset, folder, max_bad=0.9, overwrite=True, progress=quiet)
    photo.write_bytes(PHOTO)
    with pytest.raises(UserError, match="1 photos that were missing are there now"):
        again(folder, dataset)


def test_deepfashion_a_photo_in_train_and_test_is_in_neither(tmp_path):
    _, dataset, result = imported(tmp_path, *deepfashion(partition="img/P0/a.jpg test\nimg/P1/a.jpg val"))
    assert result["images"] == 3
    assert left_out(dataset) == {"Img/img/P0/a.jpg": "two parts in list_eval_partition.txt, train and test (line 7)"}


def test_a_photo_has_one_spelling(tmp_path):
    table = "image,product,Colour\n./a.jpg,p1,red\na.jpg,p2,blue\nx//b.jpg,p3,red\nx/./c.jpg,p4,red\n"
    _, dataset, _ = imported(tmp_path, {"shop.csv": table}, ["a.jpg", "x/b.jpg", "x/c.jpg"])
    assert images(dataset) == ["x/b.jpg", "x/c.jpg"]
    assert left_out(dataset) == {
        "shop.csv:3": "conflicting row for a.jpg, first on line 2",
        "a.jpg": "its rows contradict each other",
    }


@pytest.mark.parametrize(
    ("written", "one"),
    [("./a", "a"), ("././a", "a"), ("x//a", "x/a"), ("x/./a", "x/a"), ("x/.a/..b", "x/.a/..b"), ("a./b", "a./b")]
    + [("./z.zip::./x//a", "z.zip::x/a"), (".", "."), ("x./a", "x./a")],
)
def test_one_spelling(written, one):
    assert records.one_spelling(written) == one


def test_records_in_a_folder_of_their_own(tmp_path):
    rows = "image,product,labels\na.jpg, 1,Colour=red\nb.jpg,1,Colour=red\n./a.jpg,2,Colour=red\n"
    files = {"records.csv": rows, "catalog.yaml": "groups:\n  Colour: [red]\n"}
    folder, dataset, _ = imported(tmp_path, files, ["a.jpg", "b.jpg"])
    assert {record.product for record in records.read(dataset.records)} == {"1"}
    assert left_out(dataset) == {"./a.jpg": "the same photo as a.jpg, in another row"}
    assert not again(folder, dataset)
    for product, problem in (("NaN", "'NaN' stands for a missing value"), ("1\x07", r"U\+0007"), (" ", "is empty")):
        (folder / "records.csv").write_text(f"image,product,labels\na.jpg,1,Colour=red\nb.jpg,{product},Colour=red\n")
        with pytest.raises(UserError, match=rf"records\.csv:3: .*{problem}"):
            importing.import_dataset(dataset, folder, overwrite=True, progress=quiet)


def test_what_stands_in_a_folder_without_a_layout_is_told(tmp_path):
    (tmp_path / "shop.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"no known layout: there is shop\.xlsx: save it as shop\.csv"):
        importing.source(tmp_path)
    (tmp_path / "shop.xlsx").unlink()
    write(tmp_path, {"fashion-dataset/styles.csv": "id\n"}, [])
    with pytest.raises(UserError, match="no known layout: give the folder fashion-dataset inside it"):
        importing.source(tmp_path)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"max_bad": float("nan")}, "max-bad nan"),
        ({"max_bad": -1}, "max-bad -1"),
        ({"min_products": 0}, "min-products 0"),
    ],
)
def test_settings_that_leave_out_nothing_by_mistake(tmp_path, settings, problem):
    write(tmp_path / "source", {"shop.csv": SHOP.format("")}, ["a.jpg", "b.jpg"])
    with pytest.raises(UserError, match=f"^{problem}: expected"):
        importing.import_dataset(Dataset("x", tmp_path / "runs"), tmp_path / "source", progress=quiet, **settings)
