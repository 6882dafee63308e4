"""A tiny net, a tiny LMDB, and the features worked out in NumPy; runs under either engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import h5py
import lmdb
import numpy as np
import pytest
from checkout import REPOSITORY

from multiweight.base import engine, hdf5_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.features import extraction
from multiweight.photos import image_source

NET = """
name: "tiny"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "fc7" type: "InnerProduct" bottom: "data" top: "fc7"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "relu7" type: "ReLU" bottom: "fc7" top: "fc7" }
layer { name: "fc8" type: "InnerProduct" bottom: "fc7" top: "fc8"
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 0.1 } } }
"""
SIDE, CROP, IMAGES = 7, 4, 7


@pytest.fixture(scope="module")
def caffe():
    module = engine.select()
    module.set_mode_cpu()
    return module


@pytest.fixture
def case(caffe, tmp_path):
    return make_case(caffe, tmp_path)


class Case:
    """Paths and arrays of one tiny net with weights, images and mean."""


def make_case(caffe, folder, encoded=False):
    made, schema, generator = Case(), engine.schema(caffe), np.random.default_rng(5)
    made.folder, made.deploy, made.images = folder, folder / "deploy.prototxt", folder / "images_lmdb"
    made.mean, made.weights = folder / "mean.binaryproto", folder / "tiny.caffemodel"
    made.output = folder / "features.h5"
    made.deploy.write_text(NET)
    made.pixels = generator.integers(0, 256, size=(IMAGES, 3, SIDE, SIDE)).astype(np.uint8)
    made.keys = [f"{n:08d}" for n in range(IMAGES)]
    write_images(caffe, made.images, dict(zip(made.keys, made.pixels)), encoded)
    made.mean_values = generator.random((3, SIDE, SIDE)).astype(np.float32) * 255
    blob = schema.BlobProto()
    blob.num, blob.channels, blob.height, blob.width = 1, 3, SIDE, SIDE
    blob.data.extend(made.mean_values.ravel().tolist())
    made.mean.write_bytes(blob.SerializeToString())
    net = caffe.Net(str(made.deploy), caffe.TEST)
    for params in net.params.values():
        for param in params:
            param.data[...] = generator.normal(size=param.data.shape) * 0.01
    net.save(str(made.weights))
    made.params = [np.array(param.data) for param in net.params["fc7"]]
    return made


def write_images(caffe, path, images, encoded=False):
    schema = engine.schema(caffe)
    path.mkdir(exist_ok=True)
    environment = lmdb.open(str(path), map_size=2**24)
    with environment.begin(write=True) as transaction:
        for key, pixels in images.items():
            datum = schema.Datum()
            datum.channels, datum.height, datum.width = pixels.shape
            datum.data = pixels.tobytes()
            if encoded:
                import cv2

                datum.encoded = True
                datum.data = cv2.imencode(".png", pixels.transpose(1, 2, 0))[1].tobytes()
            transaction.put(key.encode(), datum.SerializeToString())
    environment.close()


def expected(made, mean=True):
    start = (SIDE - CROP) // 2
    x = made.pixels.astype(np.float32) - (made.mean_values if mean else 0)
    x = x[:, :, start : start + CROP, start : start + CROP].reshape(IMAGES, -1)
    return np.maximum(x @ made.params[0].T + made.params[1], 0)


def run(caffe, made, **options):
    given = dict(weights=made.weights, mean=made.mean, batch=3, variant="tiny")
    return extraction.extract(caffe, made.deploy, made.images, made.output, **{**given, **options})


def test_features_are_the_blob_after_relu_of_the_centre_crop(caffe, case):
    assert run(caffe, case)
    found = extraction.load(case.output)
    np.testing.assert_allclose(found.values, expected(case), rtol=1e-5, atol=1e-5)
    assert found.values.dtype == np.float32 and found.keys == case.keys
    attributes = found.attributes
    assert (attributes["variant"], attributes["weights"], attributes["blob"]) == ("tiny", "tiny.caffemodel", "fc7")
    assert attributes["engine"] == engine.describe(caffe) and len(attributes["weights_sha256"]) == 64
    assert not list(case.folder.glob("*.part"))


def test_encoded_images_and_no_mean(caffe, tmp_path):
    made = make_case(caffe, tmp_path, encoded=True)
    run(caffe, made, mean=None)
    np.testing.assert_allclose(extraction.load(made.output).values, expected(made, mean=False), rtol=1e-5, atol=1e-5)


def test_done_work_is_skipped_until_an_input_changes(caffe, case):
    assert run(caffe, case)
    assert not run(caffe, case)
    assert run(caffe, case, blob="fc8")
    assert extraction.load(case.output).values.shape == (IMAGES, 2)
    net = caffe.Net(str(case.deploy), caffe.TEST)
    net.save(str(case.weights))
    assert run(caffe, case, blob="fc8")


def test_initial_weights_are_seeded(caffe, case):
    values = []
    for seed in (1, 1, 2):
        run(caffe, case, weights=None, seed=seed)
        values.append(extraction.load(case.output).values)
        case.output.unlink()
    assert (values[0] == values[1]).all() and (values[0] != values[2]).any()


def test_a_snapshot_of_another_net_is_named_with_both_shapes(caffe, case):
    case.deploy.write_text(NET.replace("num_output: 5", "num_output: 6"))
    with pytest.raises(UserError, match=r"another net: layer 'fc7' has shapes 5 x 48, 5 there and 6 x 48, 6"):
        run(caffe, case)
    case.deploy.write_text(NET.replace('name: "fc7" type', 'name: "fc7b" type'))
    with pytest.raises(UserError, match="no layer 'fc7b'"):
        run(caffe, case)
    assert not case.output.exists()


def test_a_layer_after_the_blob_may_be_missing(caffe, case):
    case.deploy.write_text(NET.replace('name: "fc8"', 'name: "fc8_other"'))
    run(caffe, case)
    np.testing.assert_allclose(extraction.load(case.output).values, expected(case), rtol=1e-5, atol=1e-5)


def test_nan_is_an_error_by_key_and_zeros_are_named(caffe, case):
    net = caffe.Net(str(case.deploy), caffe.TEST)
    net.params["fc7"][0].data[...] = 0
    net.params["fc7"][1].data[...] = 0
    net.save(str(case.weights))
    run(caffe, case)
    assert extraction.zero_keys(extraction.load(case.output)) == case.keys
    net.params["fc7"][1].data[...] = np.nan
    net.save(str(case.weights))
    with pytest.raises(UserError, match="NaN or infinity in 'fc7' for 7 image.*00000000"):
        run(caffe, case)


@pytest.mark.parametrize(
    "break_it, message",
    [
        (lambda c: c.weights.write_bytes(b"\xff\xff nonsense"), "not a .caffemodel"),
        (lambda c: c.weights.write_bytes(b""), "holds no weights"),
        (lambda c: c.weights.unlink(), "the snapshot cannot be read"),
        (lambda c: c.mean.unlink(), "the mean file cannot be read"),
        (lambda c: (c.images / "data.mdb").unlink(), "no LMDB there"),
        (lambda c: c.deploy.write_text(NET.replace("dim: 4 dim: 4", "dim: 9 dim: 9")), "a snapshot of another"),
    ],
)
def test_bad_files_are_one_clear_error(caffe, case, break_it, message):
    break_it(case)
    with pytest.raises(UserError, match=message):
        run(caffe, case)


def test_bad_images_are_named_by_key(caffe, case):
    write_images(caffe, case.images, {"00000003": np.zeros((3, 5, 5), np.uint8)})
    with pytest.raises(UserError, match="key 00000003: an image of .3, 5, 5., but the mean is of .3, 7, 7."):
        run(caffe, case)
    write_images(caffe, case.images, {"00000003": np.zeros((3, 3, 9), np.uint8)})
    with pytest.raises(UserError, match="key 00000003: an image of .3, 3, 9., but the net's input is .3, 4, 4."):
        run(caffe, case)


def test_unknown_blob(caffe, case):
    with pytest.raises(UserError, match="no blob 'fc9': the net's blobs are data, fc7, fc8"):
        run(caffe, case, blob="fc9")


def test_a_file_cut_short(tmp_path):
    path = tmp_path / "features.h5"
    with h5py.File(str(path), "w") as file:
        file.create_dataset("fc7", data=np.ones((100, 50), np.float32))
        hdf5_file.describe(file, {"blob": "fc7"})
    with pytest.raises(UserError, match="not a whole features file"):
        extraction.load(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(UserError, match="not a whole features file"):
        extraction.load(path)
    with pytest.raises(UserError, match="no such file"):
        extraction.load(tmp_path / "none.h5")


def test_a_run_takes_its_last_snapshot_and_untrained_the_multi_label_net(caffe, case):
    dataset = Dataset("tiny", case.folder / "runs")
    dataset.data.mkdir(parents=True)
    case.images.rename(dataset.images("test"))
    case.mean.rename(dataset.mean)
    base = dataset.run("multi_label")
    base.snapshots.mkdir(parents=True)
    case.deploy.rename(base.deploy)
    base.settings.write_text('{"retrieval_blob": "fc7"}')
    with pytest.raises(UserError, match="no snapshot: train multi_label first"):
        extraction.extract_run(caffe, base)
    base.snapshot(20).write_bytes(case.weights.read_bytes())
    base.snapshot(20, "solverstate").write_bytes(b"")
    assert extraction.extract_run(caffe, base)
    found = extraction.load(base.features)
    assert found.attributes["weights"] == "multi_label_iter_20.caffemodel"
    np.testing.assert_allclose(found.values, expected(case), rtol=1e-5, atol=1e-5)
    untrained = dataset.run("untrained")
    assert extraction.extract_run(caffe, untrained) and not extraction.extract_run(caffe, untrained)
    assert extraction.load(untrained.features).attributes["weights"] == "initial weights, seed 1"


class Killed(BaseException):
    pass


def test_a_killed_extraction_goes_on_where_it_was(caffe, case, monkeypatch):
    calls, way = [], extraction.forward

    def forward(net, inputs, blobs, views):
        calls.append(len(inputs))
        if len(calls) == 3:
            raise Killed
        return way(net, inputs, blobs, views)

    monkeypatch.setattr(extraction, "forward", forward)
    with pytest.raises(Killed):
        run(caffe, case, batch=2)
    assert not case.output.exists() and calls == [2, 2, 2]
    assert run(caffe, case, batch=3)
    # Four images were done: three are left.
    assert calls[3:] == [3]
    np.testing.assert_allclose(extraction.load(case.output).values, expected(case), rtol=1e-5, atol=1e-5)
    assert sorted(p.name for p in case.folder.glob("features*")) == ["features.h5"]


def test_a_process_killed_outright_goes_on(caffe, case):
    """SIGKILL between two batches: what was noted is kept, what was not is done again."""
    script = f"""
import os, signal
from multiweight.base import engine
from multiweight.features import extraction, partial_rows
partial_rows._SECONDS = 0
caffe, way, calls = engine.select(), extraction.forward, []
caffe.set_mode_cpu()
def forward(*args):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return way(*args)
extraction.forward = forward
extraction.extract(caffe, {str(case.deploy)!r}, {str(case.images)!r}, {str(case.output)!r},
                   weights={str(case.weights)!r}, mean={str(case.mean)!r}, batch=2, variant="tiny")
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python")}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == -signal.SIGKILL
    assert json.loads((case.folder / "features.h5.part.json").read_text())["done"] == 4
    assert run(caffe, case)
    np.testing.assert_allclose(extraction.load(case.output).values, expected(case), rtol=1e-5, atol=1e-5)


def test_rows_of_other_weights_are_not_gone_on_with(caffe, case, monkeypatch):
    way = extraction.forward
    monkeypatch.setattr(extraction, "forward", lambda *args: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        run(caffe, case)
    monkeypatch.setattr(extraction, "forward", way)
    case.weights.write_bytes(case.weights.read_bytes())
    run(caffe, case, weights=None, seed=3)
    other = extraction.load(case.output).values
    case.output.unlink()
    run(caffe, case, weights=None, seed=3)
    np.testing.assert_array_equal(extraction.load(case.output).values, other)


def test_views_are_averaged(caffe, case):
    x = case.pixels.astype(np.float32) - case.mean_values
    last = SIDE - CROP
    windows = [(last // 2, last // 2), (0, 0), (0, last), (last, 0), (last, last)]
    crops = [x[:, :, t : t + CROP, s : s + CROP] for t, s in windows]

    def blob(images):
        return np.maximum(images.reshape(IMAGES, -1) @ case.params[0].T + case.params[1], 0)

    for views, images in (("mirror", crops[:1]), ("crops", crops)):
        run(caffe, case, views=views)
        wanted = np.mean([blob(i) for i in images] + [blob(i[:, :, :, ::-1]) for i in images], axis=0)
        found = extraction.load(case.output)
        np.testing.assert_allclose(found.values, wanted, rtol=1e-5, atol=1e-5)
        assert found.attributes["views"] == views
    with pytest.raises(UserError, match="views 'many'"):
        run(caffe, case, views="many")


def test_float16_storage(caffe, case):
    run(caffe, case)
    whole = extraction.load(case.output).values
    run(caffe, case, half=True)
    with h5py.File(str(case.output), "r") as file:
        assert file["fc7"].dtype == np.float16
    np.testing.assert_array_equal(extraction.load(case.output).values, whole.astype(np.float16).astype(np.float32))
    net = caffe.Net(str(case.deploy), caffe.TEST)
    net.params["fc7"][0].data[...] = 0
    net.params["fc7"][1].data[...] = 1e5
    net.save(str(case.weights))
    with pytest.raises(UserError, match="or store float32"):
        run(caffe, case, half=True)


def test_several_blobs_stand_one_after_the_other(caffe, case):
    run(caffe, case, blob=["fc7", "fc8"])
    found = extraction.load(case.output)
    assert found.values.shape == (IMAGES, 7) and found.attributes["blob"] == "outputs"
    np.testing.assert_allclose(found.values[:, :5], expected(case), rtol=1e-5, atol=1e-5)


def test_listed_images_are_the_same_as_packed(caffe, case):
    import cv2

    names = [f"photo {n}.png" for n in range(IMAGES)]
    for name, pixels in zip(names, case.pixels):
        cv2.imwrite(str(case.folder / name), pixels.transpose(1, 2, 0))
    listing = case.folder / "list.txt"
    listing.write_text("".join(f"{name} {n}\n" for n, name in enumerate(names)) + "\n")
    source = image_source.ListedImages.read(listing, SIDE)
    given = dict(weights=case.weights, mean=case.mean)
    assert extraction.extract(caffe, case.deploy, source, case.output, **given)
    assert not extraction.extract(caffe, case.deploy, source, case.output, **given)
    found = extraction.load(case.output)
    assert found.keys == names
    np.testing.assert_allclose(found.values, expected(case), rtol=1e-5, atol=1e-5)
    (case.folder / names[3]).write_bytes(b"no image")
    with pytest.raises(UserError, match="photo 3.png: not an image"):
        extraction.extract(caffe, case.deploy, source, case.output, **given)
    listing.write_text("absent.png\n")
    with pytest.raises(UserError, match=r"list.txt:1: no such image 'absent.png'"):
        image_source.ListedImages.read(listing, SIDE)
    listing.write_text(f"{names[0]}\n{names[0]}\n")
    with pytest.raises(UserError, match=r"list.txt:2: .* stands twice"):
        image_source.ListedImages.read(listing, SIDE)
