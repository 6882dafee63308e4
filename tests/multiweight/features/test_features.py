"""A tiny net, a tiny LMDB, and the features worked out in NumPy; runs under either engine."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.features import extraction
from multiweight.photos import image_source
from tiny_features import CROP, IMAGES, NET, SIDE, expected, make_case, run


def test_features_are_the_blob_after_relu_of_the_centre_crop(caffe, case):
    assert run(caffe, case)
    result = extraction.load(case.output)
    np.testing.assert_allclose(result.values, expected(case), rtol=1e-5, atol=1e-5)
    assert result.values.dtype == np.float32 and result.keys == case.keys
    attributes = result.attributes
    assert (attributes["variant"], attributes["weights"], attributes["blob"]) == ("tiny", "tiny.caffemodel", "fc7")
    assert attributes["engine"] == engine.describe(caffe) and len(attributes["weights_sha256"]) == 64
    assert not list(case.folder.glob("*.part"))


def test_encoded_images_and_no_mean(caffe, tmp_path):
    encoded_case = make_case(caffe, tmp_path, encoded=True)
    run(caffe, encoded_case, mean=None)
    np.testing.assert_allclose(
        extraction.load(encoded_case.output).values, expected(encoded_case, mean=False), rtol=1e-5, atol=1e-5
    )


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


def test_a_layer_after_the_blob_may_be_missing(caffe, case):
    case.deploy.write_text(NET.replace('name: "fc8"', 'name: "fc8_other"'))
    run(caffe, case)
    np.testing.assert_allclose(extraction.load(case.output).values, expected(case), rtol=1e-5, atol=1e-5)


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
    result = extraction.load(base.features)
    assert result.attributes["weights"] == "multi_label_iter_20.caffemodel"
    np.testing.assert_allclose(result.values, expected(case), rtol=1e-5, atol=1e-5)
    untrained = dataset.run("untrained")
    assert extraction.extract_run(caffe, untrained) and not extraction.extract_run(caffe, untrained)
    assert extraction.load(untrained.features).attributes["weights"] == "initial weights, seed 1"


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
        result = extraction.load(case.output)
        np.testing.assert_allclose(result.values, wanted, rtol=1e-5, atol=1e-5)
        assert result.attributes["views"] == views
    with pytest.raises(UserError, match="views 'many'"):
        run(caffe, case, views="many")


def test_float16_storage(caffe, case):
    run(caffe, case)
    as_float32 = extraction.load(case.output).values
    run(caffe, case, float16=True)
    with h5py.File(str(case.output), "r") as file:
        assert file["fc7"].dtype == np.float16
    np.testing.assert_array_equal(extraction.load(case.output).values, as_float32.astype(np.float16).astype(np.float32))
    net = caffe.Net(str(case.deploy), caffe.TEST)
    net.params["fc7"][0].data[...] = 0
    net.params["fc7"][1].data[...] = 1e5
    net.save(str(case.weights))
    with pytest.raises(UserError, match="or store float32"):
        run(caffe, case, float16=True)


def test_several_blobs_stand_one_after_the_other(caffe, case):
    run(caffe, case, blob=["fc7", "fc8"])
    result = extraction.load(case.output)
    assert result.values.shape == (IMAGES, 7) and result.attributes["blob"] == "outputs"
    np.testing.assert_allclose(result.values[:, :5], expected(case), rtol=1e-5, atol=1e-5)


def test_listed_images_are_the_same_as_packed(caffe, case):
    import cv2

    names = [f"photo {n}.png" for n in range(IMAGES)]
    for name, pixels in zip(names, case.pixels):
        cv2.imwrite(str(case.folder / name), pixels.transpose(1, 2, 0))
    listing = case.folder / "list.txt"
    listing.write_text("".join(f"{name} {n}\n" for n, name in enumerate(names)) + "\n")
    source = image_source.ListedImages.read(listing, SIDE)
    options = dict(weights=case.weights, mean=case.mean)
    assert extraction.extract(caffe, case.deploy, source, case.output, **options)
    assert not extraction.extract(caffe, case.deploy, source, case.output, **options)
    result = extraction.load(case.output)
    assert result.keys == names
    np.testing.assert_allclose(result.values, expected(case), rtol=1e-5, atol=1e-5)
    (case.folder / names[3]).write_bytes(b"no image")
    with pytest.raises(UserError, match="photo 3.png: not an image"):
        extraction.extract(caffe, case.deploy, source, case.output, **options)
    listing.write_text("absent.png\n")
    with pytest.raises(UserError, match=r"list.txt:1: no such image 'absent.png'"):
        image_source.ListedImages.read(listing, SIDE)
    listing.write_text(f"{names[0]}\n{names[0]}\n")
    with pytest.raises(UserError, match=r"list.txt:2: .* stands twice"):
        image_source.ListedImages.read(listing, SIDE)
