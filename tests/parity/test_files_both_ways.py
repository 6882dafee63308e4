"""Files that one engine, or its tools, writes and the other reads: .caffemodel, mean.binaryproto, LMDB raw and JPEG.

.solverstate is in test_solver_runs.py and test_stop_and_continue.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases_nets import CASES
from deviations import Table
from pair import ENGINES, Pair, Result

import caffe_torch
from caffe_torch.files import wire
from caffe_torch.proto import caffe_pb2
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.datasets import importing
from multiweight.datasets.sample_shop import shop
from multiweight.pack import packing
from multiweight.pack.reader import LmdbPair
from multiweight.prepare import split
from multiweight.records import records
from multiweight.records.catalog import Catalog

SECTION = "Files both ways"
FORWARD = {"top": "values", "diff": "values", "param_diff": "values", "param": "values"}
SIDE, CROP, BATCH = 40, 33, 16
OTHER = dict(zip(ENGINES, reversed(ENGINES)))


# --- weights ---

NET = next(case for case in CASES if case.name == "net_multi_weight")


@pytest.fixture(scope="module")
def saved(pair: Pair) -> dict[str, dict[str, np.ndarray]]:
    """A net's tops in both engines, and again with the weights that the other engine saved."""
    job = NET.as_job()
    result = pair.run([{**job, "name": "saved", "save": "saved.caffemodel"}])
    loads = {e: [{**job, "name": "loaded", "weights": f"../{OTHER[e]}/saved.caffemodel"}] for e in ENGINES}
    loaded = pair.run_each(loads)
    results = {f"{engine}/saved": result[engine]["saved"].values() for engine in ENGINES}
    return {**results, **{f"{engine}/loaded": loaded[engine]["loaded"].values() for engine in ENGINES}}


@pytest.mark.parametrize("engine", ENGINES)
def test_caffemodel(engine: str, saved: dict[str, dict[str, np.ndarray]], table: Table) -> None:
    """With the other's file a net computes what it does with the same weights of its own: bit by bit."""
    row = f".caffemodel, {OTHER[engine]} to {engine}".replace("torch", "caffe_torch")
    table.compare(SECTION, row, row, saved[f"{engine}/loaded"], saved[f"{engine}/saved"], FORWARD, 0.0)


def test_caffemodels_hold_the_same(saved: dict[str, dict[str, np.ndarray]], pair: Pair) -> None:
    """Name, layers with their settings, and arrays, as any reader of the schema sees them."""
    ours, theirs = (
        caffe_pb2.NetParameter.FromString((pair.folder / engine / "saved.caffemodel").read_bytes())
        for engine in reversed(ENGINES)
    )
    assert ours.name == theirs.name and len(ours.layer) == len(theirs.layer) > 15
    for mine, other in zip(ours.layer, theirs.layer):
        assert (mine.name, mine.type, list(mine.bottom), list(mine.top), mine.phase) == (
            other.name, other.type, list(other.bottom), list(other.top), other.phase,
        )  # fmt: skip
        assert mine.blobs == other.blobs and mine.param == other.param
        assert mine.convolution_param == other.convolution_param and mine.lrn_param == other.lrn_param


# --- images ---

ENCODINGS = ("raw", "jpg")


def packed(pair: Pair, encoding: str) -> Dataset:
    """The drawn shop, packed by the toolkit."""
    dataset = Dataset(encoding, pair.files / "runs")
    importing.import_dataset(dataset, pair.files / "shop", progress=quiet)
    split.split_dataset(dataset)
    packing.pack(caffe_torch, dataset, packing.Settings(size=SIDE, encoding=encoding), progress=quiet)
    return dataset


def tool(name: str, *arguments: str) -> dict[str, Any]:
    return dict(kind="tool", name=name, arguments=list(arguments))


def reads(name: str, lmdb: str, mean: str, crop: int = CROP) -> dict[str, Any]:
    """A job that reads a batch through the Data layer, as a net in its TEST phase does."""
    transform = f"crop_size: {crop}" + (f' mean_file: "{mean}"' if mean else "")
    text = f"""layer {{ name: "data" type: "Data" top: "data" top: "label" transform_param {{ {transform} }}
        data_param {{ source: "{lmdb}" batch_size: {BATCH} backend: LMDB }} }}"""
    return dict(
        kind="net", name=name, prototxt=text, fills={}, inputs=[], tops=["data", "label"], loss=False, backward=False,
        phase="TEST", forwards=2, seed=1, gradients=[],
    )  # fmt: skip


@pytest.fixture(scope="module")
def packs(pair: Pair) -> dict[str, Dataset]:
    shop.make(pair.files / "shop", shop.ShopSettings(products=16, size=64), progress=quiet)
    return {encoding: packed(pair, encoding) for encoding in ENCODINGS}


@pytest.fixture(scope="module")
def batches(pair: Pair, packs: dict[str, Dataset]) -> dict[str, dict[str, Result]]:
    """The original's tools on the same photos in the same order; then every LMDB and mean through both engines."""
    catalog = Catalog.load(packs["raw"].catalog)
    names = [record.image for _, record in records.read_packed(packs["raw"].packed("train"), catalog)]
    (pair.files / "photos.txt").write_text("".join(f"{name} {i % 7}\n" for i, name in enumerate(names)))
    size = [f"--resize_width={SIDE}", f"--resize_height={SIDE}"]
    photos = ["../files/shop/", "../files/photos.txt"]
    done = pair.run_each(
        {
            "original": [
                tool("convert_raw", "convert_imageset", *size, *photos, "raw_lmdb"),
                tool("convert_jpg", "convert_imageset", *size, "--encoded", "--encode_type=jpg", *photos, "jpg_lmdb"),
                *(
                    tool(
                        f"mean_{e}",
                        "compute_image_mean",
                        f"../files/runs/{e}/data/train_images_lmdb",
                        f"{e}.binaryproto",
                    )
                    for e in ENCODINGS
                ),
            ]
        }
    )["original"]
    for result in done.values():
        result.values()
    jobs = []
    for e in ENCODINGS:
        data = f"../files/runs/{e}/data"
        jobs += [
            reads(f"packed_{e}", f"{data}/train_images_lmdb", f"{data}/mean.binaryproto"),
            reads(f"converted_{e}", f"../original/{e}_lmdb", f"../original/{e}.binaryproto"),
            reads(f"plain_{e}", f"../original/{e}_lmdb", "", SIDE),
        ]
    return pair.run(jobs)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("writer", ["packed", "converted", "plain"])
def test_lmdb(writer: str, encoding: str, batches: dict[str, dict[str, Result]], table: Table) -> None:
    name = f"{writer}_{encoding}"
    theirs, ours = (batches[engine][name].values() for engine in ENGINES)
    assert theirs["top/data"].std() > 10 and (writer == "packed" or set(theirs["top/label"]) > {0, 6})
    row = f"LMDB ({encoding}) and mean of {'the toolkit' if writer == 'packed' else 'convert_imageset'}"
    table.compare(SECTION, row, name, ours, theirs, FORWARD)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_mean(encoding: str, packs: dict[str, Dataset], batches: object, pair: Pair, table: Table) -> None:
    """compute_image_mean gives what packing wrote, for the same LMDB."""
    ours, theirs = (
        {"top/mean": wire.read_blob(memoryview(path.read_bytes()), str(path))}
        for path in (packs[encoding].mean, pair.folder / "original" / f"{encoding}.binaryproto")
    )
    table.compare(SECTION, f"mean.binaryproto ({encoding})", encoding, ours, theirs, FORWARD)


def test_packing_gives_the_pixels_of_convert_imageset(
    packs: dict[str, Dataset], batches: dict[str, dict[str, Result]], table: Table
) -> None:
    with LmdbPair(caffe_torch, packs["raw"].images("train"), packs["raw"].labels("train")) as images:
        every = [image for _, image, _ in images]
    # The job's second batch, which goes around the end.
    pixels = [every[i % len(every)] for i in range(BATCH, 2 * BATCH)]
    theirs = {"top/pixels": batches["torch"]["plain_raw"].values()["top/data"]}
    ours = {"top/pixels": np.array(pixels, np.float32)}
    table.compare(
        SECTION, "pixels packed, resized by the toolkit and by convert_imageset", "raw", ours, theirs, FORWARD
    )
