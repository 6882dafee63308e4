"""Names that no net can have, and keys that stand twice: refused with file and line, whatever the source."""

import pytest

from multiweight.base.errors import UserError
from multiweight.datasets import deepfashion, fashion_product_images, imaterialist, shop_table
from multiweight.records.cells import name_problem
from multiweight.text.keywords import Keywords


def refused(call, *arguments):
    with pytest.raises(UserError) as raised:
        call(*arguments)
    return str(raised.value)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("image,product,G\na.jpg,1,*\n", "shop.csv:2: G: label '*' means all labels of a group"),
        ("image,product,★\na.jpg,1,x\nb.jpg,2,x\n", "shop.csv: group '★': a name needs at least one letter"),
        ("image,product,T-A,T A\na.jpg,1,x,x\nb.jpg,2,x,x\n", "shop.csv: groups 'T A' and 'T-A' give the same blob"),
        ("image,product,G,G\na.jpg,1,x,x\n", "shop.csv:1: the column 'G' stands twice"),
        (",image,product,G\n0,a.jpg,1,x\n", "shop.csv:1: column 1 has no name (pandas writes its index so)"),
        ("sep=,\nimage,product,G\na.jpg,1,x\n", "shop.csv:1: 'sep=,' is a line for Excel alone: delete it"),
        ("image|product|G\na.jpg|1|x\n", "shop.csv:1: the columns are separated by '|'"),
    ],
)
def test_a_shops_table(tmp_path, table, problem):
    (tmp_path / "shop.csv").write_text(table, "utf-8")
    assert f"{tmp_path}/{problem}" in refused(shop_table.load, tmp_path)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"image": "a.jpg", "product": 1, "G": ["a|b"]}', "G: label 'a|b' holds '|', which separates labels"),
        ('{"image": "a.jpg", "product": ["p", "q"]}', "product: ['p', 'q']: expected a text"),
        ('{"image": ["a.jpg"], "product": 1}', "image: ['a.jpg']: expected a text"),
        ('[{"image": "a.jpg", "product": 1},', "not valid JSON (Expecting value): each line is one JSON object"),
    ],
)
def test_a_shops_json_lines(tmp_path, row, problem):
    (tmp_path / "shop.jsonl").write_text(row + "\n", "utf-8")
    assert f"{tmp_path}/shop.jsonl:1: {problem}" in refused(shop_table.load, tmp_path)


def test_numbers_of_json_are_labels_as_numbers_are_written(tmp_path):
    rows = ['"Size": 36', '"Size": 36.0', '"Size": [36, 37.5]', '"Size": [37.5, null, "x"]']
    table = "".join(f'{{"image": "{n}.jpg", "product": {n}.0, {row}}}\n' for n, row in enumerate(rows))
    (tmp_path / "shop.jsonl").write_text(table, "utf-8")
    loaded = shop_table.load(tmp_path)
    assert loaded.catalog.group("Size").labels == ("36", "37.5")
    assert [record.product for record in loaded.records] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('groups:\n  "Price?":\n    red: [red]\n', ":2: group 'Price?': '!' and '?' at the end"),
        ('groups:\n  G:\n    "a=b": [blue]\n', ":3: a label of group 'G' 'a=b' holds '='"),
        ('groups:\n  G:\n    "*": [blue]\n', ":3: a label of group 'G' '*' means all labels"),
        ("groups:\n  A-b: {x: }\n  A b: {y: }\n", ":3: groups 'A-b' and 'A b' give the same blob name"),
        ("groups:\n  G:\n    a: [red]\n    b:\n    - blue\n    - Red\n", ":6: 'red' means G=b, and G=a on line 3"),
        ("groups:\n  G:\n    a: [red]\ndrop:\n- blue\n- red\n", ":6: 'red' is dropped, and means G=a on line 3"),
        ('groups:\n  G:\n    a: [red, "!!"]\n', ":3: G=a: '!!' has no letter or digit"),
        ('drop:\n- red\n- "!"\n', ":3: drop: '!' has no letter or digit"),
        ("groups:\n  G: {kind: type, labels: {a: [red],\n    b: [red]}}\n", ":3: 'red' means G=b, and G=a on line 2"),
    ],
)
def test_keywords(tmp_path, text, problem):
    path = tmp_path / "keywords.yaml"
    path.write_text(text, "utf-8")
    assert refused(Keywords.load, path).startswith(f"{path}{problem}")


STYLES = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"


def styles(tmp_path, sub="Topwear", colour="Blue", header=STYLES, photos=()):
    rows = [f"{n},Men,Apparel,{sub},{'AB'[n % 2]},{colour},Fall,2011,Casual,x\n" for n in range(1, 5)]
    (tmp_path / "styles.csv").write_text(header + "".join(rows), "utf-8")
    for name in photos or [f"images/{n}.jpg" for n in range(1, 5)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_fashion_product_images(tmp_path):
    load = fashion_product_images.load
    assert f"{tmp_path}/styles.csv: group 'Topwear?'" in refused(load, styles(tmp_path, "Topwear?"))
    assert "(styles.csv:2): '*' means all labels" in refused(load, styles(tmp_path, colour="*"))
    twice = styles(tmp_path, header=STYLES.replace("year", "gender"))
    assert f"{tmp_path}/styles.csv:1: the column 'gender' stands twice" in refused(load, twice)


@pytest.mark.parametrize("form", ["images/{}.webp", "images/images/{}.jpg", "images/{}.TIFF"])
def test_fashion_product_images_photos_in_other_formats_and_one_folder_deeper(tmp_path, form):
    names = [form.format(n) for n in range(1, 5)]
    loaded = fashion_product_images.load(styles(tmp_path, photos=names))
    assert [record.image for record in loaded.records] == names


def test_imaterialist(tmp_path):
    labels = tmp_path / "iMat_fashion_2018_label_map_228.csv"
    (tmp_path / "train.json").write_text('{"images": [{"imageId": 1}], "annotations": []}')
    head = "labelId,taskId,labelName,taskName\n1,1,dress,category\n"
    for rows, problem in (
        ("2,1,dress,category\n", ":3: category=dress stands twice (first on line 2)"),
        ("2,1,*,category\n", ":3: the name '*' means all labels"),
        ("2,2,x,Category\n", ": groups 'category' and 'Category' give the same blob name"),
    ):
        labels.write_text(head + rows)
        assert refused(imaterialist.load, tmp_path).startswith(f"{labels}{problem}")


@pytest.mark.parametrize("fine", [False, True])
def test_deepfashion(tmp_path, fine):
    folder = tmp_path / ("Anno_fine" if fine else "Anno")
    folder.mkdir()
    (tmp_path / "img").mkdir()
    (folder / "list_category_cloth.txt").write_text("1\nname type\nTee 1\n")
    for name in ("list_attr_img.txt", "train.txt"):
        (folder / name).write_text("")
    path = folder / "list_attr_cloth.txt"
    for text, problem in (
        ("2\nname type\nlace 2\nlace 2\n", ":4: 'lace' stands twice with type 2"),
        ("1\nname type\nla=ce 2\n", ":3: 'la=ce' holds '='"),
        ("2\nname type\nlace 2\n", ": 1 rows, its first line says 2"),
    ):
        path.write_text(text)
        assert refused(deepfashion.load, tmp_path).startswith(f"{path}{problem}")


def test_a_star_is_no_name():
    assert name_problem("*").startswith("means all labels")
