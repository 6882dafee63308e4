"""annotate.py and search.py as a user runs them, on a run whose net and weights are made by hand."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import cv2
import h5py
import lmdb
import numpy as np
import pytest
import unchecked
from checkout import REPOSITORY

from multiweight.base import engine, hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.features import extraction
from multiweight.query import annotation
from multiweight.query import index as shop_index
from multiweight.records.catalog import Catalog

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "fc7" type: "InnerProduct" bottom: "data" top: "fc7" inner_product_param { num_output: 3 } }
layer { name: "fc8_hue" type: "InnerProduct" bottom: "fc7" top: "fc8_hue" inner_product_param { num_output: 3 } }
layer { name: "prob_hue" type: "Sigmoid" bottom: "fc8_hue" top: "prob_hue" }
layer { name: "fc8_top_half" type: "InnerProduct" bottom: "data" top: "fc8_top_half"
  inner_product_param { num_output: 1 } }
layer { name: "prob_top_half" type: "Sigmoid" bottom: "fc8_top_half" top: "prob_top_half" }
"""
BGR = {"blue": (255, 0, 0), "green": (0, 255, 0), "red": (0, 0, 255)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """fc7 is the mean of each channel over 255; a hue is named by its channel, "top half" by light there."""
    caffe = engine.select()
    caffe.set_mode_cpu()
    dataset = Dataset("shop", tmp_path_factory.mktemp("runs"))
    run = dataset.run("multi_weight_third")
    for folder in (dataset.data, run.snapshots, dataset.images("test")):
        folder.mkdir(parents=True)
    Catalog.from_dict({"Hue": list(BGR), "Top half": ["light"]}).save(dataset.catalog)
    run.deploy.write_text(NET)
    net = caffe.Net(str(run.deploy), caffe.TEST)
    weights = np.zeros((3, 3, 64), np.float32)
    weights[np.arange(3), np.arange(3)] = 1 / 64 / 255
    net.params["fc7"][0].data[...] = weights.reshape(3, 192)
    net.params["fc7"][1].data[...] = 0
    net.params["fc8_hue"][0].data[...] = 8 * np.eye(3)
    net.params["fc8_hue"][1].data[...] = -4
    half = np.zeros((1, 3, 8, 8), np.float32)
    half[:, :, :4] = 8 / 96 / 255
    net.params["fc8_top_half"][0].data[...] = half.reshape(1, 192)
    net.params["fc8_top_half"][1].data[...] = -1
    net.save(str(run.snapshot(9)))
    run.snapshot(9, "solverstate").write_bytes(b"")
    environment = lmdb.open(str(dataset.images("test")), map_size=2**24)
    rows = ["key,image,product,labels"]
    with environment.begin(write=True) as transaction:
        for n, (name, colour) in enumerate(BGR.items()):
            datum = engine.schema(caffe).Datum(channels=3, height=8, width=8)
            datum.data = np.tile(np.array(colour, np.uint8)[:, None, None], (1, 8, 8)).tobytes()
            transaction.put(f"{n:08d}".encode(), datum.SerializeToString())
            rows.append(f"{n:08d},{name}.jpg,p-{name},Hue={name}")
    environment.close()
    dataset.packed("test").write_text("\n".join(rows) + "\n")
    extraction.extract_run(caffe, run)
    return caffe, dataset, run


def picture(path, colour, size=20):
    cv2.imwrite(str(path), np.full((size, size, 3), colour, np.uint8))
    return path


def tool(name, dataset, *args):
    command = [sys.executable, str(REPOSITORY / "tools" / f"{name}.py"), "--dataset", dataset.name]
    command += ["--runs", str(dataset.root.parent), "--gpu", "none", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_annotations_as_text_json_and_picture(shop, tmp_path):
    _, dataset, _ = shop
    photos = [picture(tmp_path / f"{name} photo.png", colour) for name, colour in BGR.items()]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8 nothing")
    done = tool("annotate", dataset, *photos, bad, "--json", "--draw", tmp_path / "drawn")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1 and "bad.jpg" in done.stderr
    result = [json.loads(line) for line in done.stdout.splitlines()]
    for name, photo, described in zip(BGR, photos, result):
        assert described["photo"] == str(photo)
        assert described["labels"] == [
            {"group": "Hue", "label": name, "probability": pytest.approx(sigmoid(4), abs=1e-4)},
            {"group": "Top half", "label": "light", "probability": pytest.approx(sigmoid(8 / 3 - 1), abs=1e-4)},
        ]
        drawn = cv2.imread(str(tmp_path / "drawn" / f"{photo.name}.labels.png"))
        assert min(drawn.shape[:2]) > 200 and (drawn == BGR[name]).all(axis=2).sum() > 1000
    # Drawn beside the photos themselves, and beside one of the same name from another folder.
    (tmp_path / "other").mkdir()
    twin = picture(tmp_path / "other" / photos[0].name, BGR["red"])
    originals = [photo.read_bytes() for photo in photos]
    assert tool("annotate", dataset, *photos, twin, "--draw", tmp_path).returncode == 0
    assert [photo.read_bytes() for photo in photos] == originals
    drawn = cv2.imread(str(tmp_path / f"{twin.name}-2.labels.png"))
    assert (drawn == BGR["red"]).all(axis=2).sum() > 1000
    for wrong in (["--threshold", "2"], ["--top", "-1"], ["--draw", photos[0]]):
        done = tool("annotate", dataset, photos[0], *wrong)
        assert done.returncode == 2 and done.stderr.startswith(f"error: {wrong[0]}")
    done = tool("annotate", dataset, photos[0], "--threshold", "0.99", "--top", "1")
    assert done.returncode == 0 and done.stdout.splitlines()[1].split() == ["Hue", "blue", "0.982"]
    assert "no label reaches" in tool("annotate", dataset, photos[0], "--threshold", "0.999").stdout


def test_exif_rotation_is_applied(shop, tmp_path):
    """A photo that is light on its left side as stored, and turned so that this side is up."""
    caffe, _, run = shop
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :20] = 255
    plain = cv2.imencode(".jpg", pixels)[1].tobytes()
    # APP1 with one entry: tag 0x0112, type SHORT, count 1, orientation 6 (turn clockwise).
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    (tmp_path / "plain.jpg").write_bytes(plain)
    (tmp_path / "turned.jpg").write_bytes(turned)
    net = annotation.Annotator(caffe, run)
    values = [net.outputs(tmp_path / f"{name}.jpg")[3] for name in ("plain", "turned")]
    assert values[0] == pytest.approx(sigmoid(4 - 1), abs=0.02)
    assert values[1] == pytest.approx(sigmoid(8 - 1), abs=0.02)


def test_a_net_of_another_catalog_is_named(shop, tmp_path):
    caffe, dataset, run = shop
    other = Catalog.load(dataset.catalog)
    Catalog.from_dict({"Hue": list(BGR), "Collar": ["v"]}).save(dataset.catalog)
    try:
        with pytest.raises(UserError, match="no output 'prob_collar'"):
            annotation.Annotator(caffe, run)
    finally:
        other.save(dataset.catalog)


@pytest.mark.parametrize("kind", shop_index.KINDS)
def test_the_nearest_products_of_a_photo(shop, tmp_path, kind):
    unchecked.package("faiss", "products like a photo")
    _, dataset, run = shop
    photo = picture(tmp_path / "q.png", (30, 40, 250))
    page = tmp_path / "page.html"
    done = tool("search", dataset, photo, "--k", "2", "--index", kind, "--html", page)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1][1:] == ["p-red", "red.jpg", "Hue=red"] and lines[2][1] == "p-green"
    length = np.sqrt(30**2 + 40**2 + 250**2)
    assert [float(line[0]) for line in lines[1:3]] == pytest.approx([250 / length, 40 / length], abs=1e-3)
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 3 and "p-red" in text and not re.search("https?://", text)
    if kind != "flat":
        before = run.root.joinpath(f"index.{kind}").stat().st_mtime_ns
        shop_index.ShopIndex(run, kind)
        assert run.root.joinpath(f"index.{kind}").stat().st_mtime_ns == before
        run.root.joinpath(f"index.{kind}").write_bytes(b"cut short")
        assert [neighbour.key for neighbour in shop_index.ShopIndex(run, kind).search(np.ones(3, np.float32), 3)]
        assert run.root.joinpath(f"index.{kind}").stat().st_size > 100
    bad = tool("search", dataset, "Makefile", photo, "--index", kind)
    assert bad.returncode == 2 and bad.stderr.startswith("error: Makefile") and "Traceback" not in bad.stderr
    assert "p-red" in bad.stdout
    folder = tool("search", dataset, photo, "--html", tmp_path)
    assert folder.returncode == 2 and folder.stderr.startswith(f"error: --html {tmp_path}")


def test_features_of_other_weights_are_refused(shop):
    unchecked.package("faiss", "products like a photo")
    caffe, _, run = shop
    index = shop_index.ShopIndex(run)
    with h5py.File(str(run.features), "a") as file:
        before = file.attrs["weights_sha256"]
        hdf5_file.describe(file, {"weights_sha256": "0" * 64})
    try:
        with pytest.raises(UserError, match="of other weights"):
            shop_index.PhotoFeatures(caffe, run, shop_index.ShopIndex(run))
    finally:
        with h5py.File(str(run.features), "a") as file:
            hdf5_file.describe(file, {"weights_sha256": before})
    with pytest.raises(UserError, match="a feature of 5 values, an index of 3"):
        index.search(np.ones(5, np.float32), 2)


def test_a_search_in_features_of_another_pack_is_refused(shop):
    unchecked.package("faiss", "products like a photo")
    _, dataset, run = shop
    with h5py.File(str(run.features), "a") as file:
        before = file.attrs["images_sha256"]
        hdf5_file.describe(file, {"images_sha256": "0" * 64})
    try:
        done = tool("search", dataset, "README.md")
        assert done.returncode == 2 and "features.h5: of other images than" in done.stderr
    finally:
        with h5py.File(str(run.features), "a") as file:
            hdf5_file.describe(file, {"images_sha256": before})


@pytest.mark.parametrize(
    "options, message",
    [
        (["--images", "list.txt", "--output", "z.h5"], "do not go together"),
        (["--size", "0"], "--size 0: expected 1 or more"),
    ],
)
def test_extraction_refuses_what_it_would_leave_out(shop, options, message):
    _, dataset, run = shop
    done = tool("extract_features", dataset, "--variant", run.variant, *options)
    assert done.returncode == 2 and message in done.stderr
