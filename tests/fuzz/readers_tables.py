"""What people write: tables in CSV and JSONL, YAML, and the lists of published sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import mutations
from readers import Reader, register

from multiweight.base import done
from multiweight.base.errors import UserError
from multiweight.datasets import deepfashion, fashion_product_images, imaterialist, shop_table
from multiweight.gamma import weights
from multiweight.photos.image_source import ListedImages
from multiweight.records import bad_images, records
from multiweight.records.catalog import Catalog
from multiweight.records.record_table import RecordTable
from multiweight.study import reading
from multiweight.study import table as study_table
from multiweight.text import mining
from multiweight.text.keywords import Keywords

_SHOP = """image,product,text,text_title,Garment,Colour
a 1.jpg,p1,Long sleeve dress,\u97e9\u7248\u4fee\u8eab\u957f\u8896,dress,red
b.jpg,1163.0,,,"shirt|blouse",!red|?white
c.zip::d.jpg,p3,"a ""quoted"" text, with a comma",,NA,?
"""
_ROWS = [
    {"image": "a.jpg", "product": 7, "text": "Long sleeve \u957f\u8896", "Colour": ["red", "blue"], "Size": 36.5},
    {"image": "b.jpg", "product": "p\u00e9", "text": None, "Colour": "!red|?white", "Size": "NaN"},
]
_KEYWORDS = """groups:
  Sleeve: {kind: attribute, labels: {long: [\u957f\u8896, long sleeve], no: [sleeveless, off]}}
  Colour: &c
    red: [red, crimson]
    036: &w [blue]
  Trim:
    of blue: *w
drop: [polo assn, on]
candidates:
  silk: {count: 12, group: Material, examples: [A silk tie, "another: one"]}
"""
_CATALOG = "groups:\n  Colour: [red, 'no', navy]\n  Coat: {kind: type, labels: [parka, trench coat]}\n"
_STUDY = """dataset: shop
size: 64
net: {width: 0.25, batch_size: 8}
iterations: 8
seeds: [1, 2]
search: {rates: [0.001, 0.002], iterations: 4}
experiments:
  - name: core
    methods: [multi_label, {scheme: proportion, rescale: true}]
    subset: {large: A, small: B, ratio: 5}
  - {name: drawn, methods: [multi_label, multi_weight], shops: {wrong: [0, 0.1]}, rate: 1e-3}
"""
_RECORDS = "image,product,labels\na.jpg,1,Colour=red|Coat=parka\nz.zip::b.jpg,2,Colour!=red|Coat?=*\nc.jpg,'=1,\n"
_PACKED = "key,image,product,labels\n00000000,a.jpg,1,Colour=red\n00000001,b.jpg,2,\n"
_BAD = 'image,product,step,reason\na.jpg,1,import,no such file\n\'=b.jpg,2,pack,"broken, cut"\n'
_GAMMA = '# scheme: ones\ngroup,gamma\nColour,1.0\n"Coat, long",0.25\n'
_STYLES = """id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName
1,Men,Apparel,Topwear,Shirts,Navy Blue,Fall,2011.0,Casual,Turtle Check Men Navy Blue Shirt
2.0,Women,Apparel,Topwear,Tops,Blue,Summer,,NA,"Top, striped"
"""
_MAP = 'labelId,taskId,labelName,taskName\n1,6,Argyle,pattern\n2,9,Asymmetric,style\n3,1,"Pants, long",category\n'
_TRIALS = (
    ",".join(study_table.TRIAL_COLUMNS)
    + """
shop_final_x_0.1_8_1,final,shop,x,0.1,1,8,done,,0.3,0.2,4:0.15 8:0.3,8,3,1.5,1,e,cpu,p,1,python 3,"{""net"": {}}"
"""
)
_GROUPS = ",".join(study_table.GROUP_COLUMNS) + '\nshop_final_x_0.1_8_1,"a, b",1,0.5,3,0.35,\n'
_RESAMPLES = ",".join(study_table.RESAMPLE_COLUMNS) + "\nshop_final_x_0.1_8_1,mean,30.00 31.25\n"
_TRAIN = {
    "images": [{"url": "x", "imageId": "1"}, {"imageId": 2}],
    "annotations": [{"labelId": ["1", 3], "imageId": "1"}],
}
_LISTS = {
    "Anno/list_category_cloth.txt": "2\ncategory_name  category_type\nAnorak         1\nJeans 2\n",
    "Anno/list_category_img.txt": "2\nimage_name category_label\nimg/A b/1.jpg 1\nimg/B/1.jpg 2\n",
    "Anno/list_attr_cloth.txt": "2\nattribute_name  attribute_type\na-line 3\nabstract chevron print 1\n",
    "Anno/list_attr_img.txt": "2\nimage_name attribute_labels\nimg/A b/1.jpg -1  1\nimg/B/1.jpg 0 -1\n",
    "Eval/list_eval_partition.txt": "2\nimage_name  evaluation_status\nimg/A b/1.jpg train\nimg/B/1.jpg test\n",
}


def _one_file(*texts: str) -> Callable[[Path], Sequence[bytes]]:
    return lambda folder: [text.encode() for text in texts]


def _placed(name: str, load: Callable[[Path], object], others: dict[str, str], path: Path) -> None:
    """Put the input as ``name`` into a folder of its own, beside ``others``, and load the folder."""
    folder = path.parent / f"as-{name.replace('/', '-')}"
    for other, text in others.items():
        if not (folder / other).exists():
            (folder / other).parent.mkdir(parents=True, exist_ok=True)
            (folder / other).write_text(text, encoding="utf-8")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(path.read_bytes())
    load(folder)


def _table(path: Path) -> None:
    records.read(path)
    RecordTable(path)


def _load_keywords_and_save(path: Path) -> None:
    known = Keywords.load(path)
    known.labels("Men's long sleeve \u52a0\u7ed2\u957f\u8896\u886b")
    known.save(path)
    Keywords.load(path)


def _listed(path: Path) -> None:
    ListedImages.read(path, 32)


def _photos(folder: Path) -> Sequence[bytes]:
    for name in ("a.jpg", "b c.jpg"):
        (folder / name).write_bytes(b"")
    return [b"a.jpg 0\n\nb c.jpg\n"]


_shop = partial(shop_table.load, min_products=1)
_ROW_TEXT = "\n".join(json.dumps(row, ensure_ascii=False) for row in _ROWS)
_TEXTS: dict[str, tuple[str, Callable[[Path], Sequence[bytes]], Callable[[Path], object]]] = {
    "shop_csv": (".csv", _one_file(_SHOP), partial(_placed, "shop.csv", _shop, {})),
    "shop_jsonl": (".jsonl", _one_file(_ROW_TEXT), partial(_placed, "shop.jsonl", _shop, {})),
    "keywords": (".yaml", _one_file(_KEYWORDS), _load_keywords_and_save),
    "catalog": (".yaml", _one_file(_CATALOG), Catalog.load),
    "seeds": (".yaml", _one_file("stop words: [on, off]\nA: [b, c]\n"), mining._read_seeds),
    "study": (".yaml", _one_file(_STUDY), partial(_placed, "study.yaml", reading.load, {})),
    "study_trials": (".csv", _one_file(_TRIALS), partial(
        _placed, "trials.csv", study_table.read, {"groups.csv": _GROUPS, "resamples.csv": _RESAMPLES})),
    "study_groups": (".csv", _one_file(_GROUPS), partial(
        _placed, "groups.csv", study_table.read, {"trials.csv": _TRIALS})),
    "study_resamples": (".csv", _one_file(_RESAMPLES), partial(
        _placed, "resamples.csv", study_table.read, {"trials.csv": _TRIALS, "groups.csv": _GROUPS})),
    "records": (".csv", _one_file(_RECORDS), _table),
    "packed_records": (".csv", _one_file(_PACKED), records.read_packed),
    "bad_images": (".csv", _one_file(_BAD), bad_images.read),
    "gamma": (".csv", _one_file(_GAMMA), weights.read_gamma),
    "marks": (".json", _one_file('{"settings": {"a": 1, "b": [2, "x"]}, "images": 3}'), done.read),
    "styles": (".csv", _one_file(_STYLES), partial(
        _placed, "styles.csv", partial(fashion_product_images.load, min_products=1), {"images/1.jpg": ""})),
    "label_map": (".csv", _one_file(_MAP), partial(
        _placed, imaterialist.LABEL_MAP, imaterialist.load, {"train.json": json.dumps(_TRAIN)})),
    "annotations": (".json", _one_file(json.dumps(_TRAIN)), partial(
        _placed, "train.json", imaterialist.load, {imaterialist.LABEL_MAP: _MAP})),
    "image_list": (".txt", _photos, _listed),
}  # fmt: skip
for _name, (_suffix, _examples, _read) in _TEXTS.items():
    register(Reader(_name, _suffix, _examples, _read, (UserError,), mutations.change_text))
for _name, _text in _LISTS.items():
    _load = partial(_placed, _name, deepfashion.load, {**_LISTS, "img/x": ""})
    register(Reader(Path(_name).stem, ".txt", _one_file(_text), _load, (UserError,), mutations.change_text))
