"""LevelDBs that the original's convert_imageset wrote: both engines read the same batches, once and again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import original
import pytest
import unchecked
from deviations import Table
from workshop import Workshop

from caffe_torch.files.database import open_source
from caffe_torch.files.leveldb_reader import LevelDbSource
from caffe_torch.files.lmdb_reader import LmdbSource

unchecked.package("plyvel", "LevelDBs beside the original")

RECORDS = 11
NET = """layer {{ name: "d" type: "Data" top: "data" top: "label" transform_param {{ scale: 0.5 }}
data_param {{ source: "{0}" batch_size: 4 }} }}"""
#: Three batches of four, in either engine: the first record comes again after the last.
BATCHES = """
import sys, importlib, numpy
caffe = importlib.import_module(sys.argv[1])
net = caffe.Net(sys.argv[2], caffe.TRAIN)
found = {}
for i in range(3):
    net.forward()
    found.update({name + "/" + str(i): net.blobs[name].data.copy() for name in net.blobs})
numpy.savez(sys.argv[3], **found)
"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    """A folder with images and, from one list, an LMDB and two LevelDBs: of pixels and of JPEG files."""
    with Workshop() as workshop:
        (workshop.path / "images").mkdir()
        random = np.random.default_rng(4)
        for i in range(RECORDS):
            pixels = cv2.resize(random.integers(0, 256, (5, 6, 3)).astype(np.uint8), (40, 30))
            cv2.imwrite(str(workshop.path / "images" / f"{i}.png"), pixels)
        (workshop.path / "list.txt").write_text("".join(f"{i}.png {i % 3}\n" for i in range(RECORDS)))
        for name, flags in (
            ("raw_lmdb", ["--backend=lmdb"]),
            ("raw", ["--backend=leveldb"]),
            ("jpg", ["--backend=leveldb", "--encoded", "--encode_type=jpg"]),
        ):
            workshop.run(
                "convert_imageset", *flags, *(f"{workshop.inside}/{file}" for file in ("images/", "list.txt", name))
            )
        yield workshop


@pytest.mark.parametrize("name", ["raw", "jpg"])
def test_batches(name: str, shop: Workshop, table: Table) -> None:
    result = []
    for side, folder in (("theirs", shop.inside), ("ours", shop.path)):
        # The original writes into the folder that it reads: each engine has its own.
        shutil.copytree(shop.path / name, shop.path / f"{name}_{side}")
        (shop.path / f"{side}.prototxt").write_text(NET.format(folder / f"{name}_{side}"))
        files = [str(folder / f"{side}.{kind}") for kind in ("prototxt", "npz")]
        if side == "theirs":
            shop.run("python3", "-c", BATCHES, "caffe", *files)
        else:
            command = [sys.executable, "-c", BATCHES, "caffe_torch", *files]
            subprocess.run(command, check=True, env={"PYTHONPATH": str(original.REPOSITORY / "python")}, timeout=100)
        with np.load(shop.path / f"{side}.npz") as file:
            result.append(dict(file.items()))
    theirs, ours = result
    assert ours["label/2"].tolist() == [2, 0, 1, 0] and ours["data/0"].any()
    columns = {"data": "values", "label": "values"}
    table.compare("Files both ways", "LevelDB, original to torch", name, ours, theirs, columns, 0.0)


def test_the_records_are_those_of_the_lmdb(shop: Workshop) -> None:
    level, pairs = open_source(str(shop.path / "raw")), open_source(str(shop.path / "raw_lmdb"))
    assert isinstance(level, LevelDbSource) and isinstance(pairs, LmdbSource)
    assert list(islice(level.records(), 30)) == list(islice(pairs.records(), 30))
    assert level.quick_count() == RECORDS


def test_an_old_net_that_names_a_leveldb(shop: Workshop) -> None:
    """A V1 net without a backend, as train_val files of 2013 have it, trains on a LevelDB."""
    shutil.copytree(shop.path / "raw", shop.path / "old_db")
    (shop.path / "old.prototxt").write_text(f"""
layers {{ name: "data" type: DATA top: "data" top: "label"
          data_param {{ source: "{shop.path}/old_db" batch_size: 4 }} }}
layers {{ name: "fc" type: INNER_PRODUCT bottom: "data" top: "fc" inner_product_param {{ num_output: 3 }} }}
layers {{ name: "loss" type: SOFTMAX_LOSS bottom: "fc" bottom: "label" top: "loss" }}""")
    (shop.path / "solver.prototxt").write_text(
        f'net: "{shop.path}/old.prototxt" base_lr: 0.00001 lr_policy: "fixed" max_iter: 3 display: 1 snapshot: 3 '
        f'snapshot_prefix: "{shop.path}/old"'
    )
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", "train", "--solver", str(shop.path / "solver.prototxt")],
        env={"PYTHONPATH": str(original.REPOSITORY / "python")}, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0 and "Optimization Done" in done.stderr, done.stderr
