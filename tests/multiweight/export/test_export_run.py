"""A run's export folder: the model in onnxruntime and OpenCV, the card, and the script where there is no torch."""

from __future__ import annotations

import json
import subprocess

import cv2
import environments
import numpy as np
import onnxruntime
import pytest

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.export import exporting
from multiweight.features import feature_net, transform
from multiweight.photos import image_source
from multiweight.query.annotation import Annotator
from multiweight.records.catalog import Catalog

#: What the script needs: no torch, and none of this project.
ALONE = ("onnxruntime==1.23.2", "opencv-python-headless==4.14.0.94", "numpy==2.2.6")


@pytest.fixture(scope="module")
def exported(trained_shop):
    run = trained_shop.run("multi_weight")
    folder, deviation = exporting.export_run(engine.select(), run)
    return run, folder, deviation


def test_onnxruntime_and_opencv_agree_with_the_engine(exported, photo):
    run, folder, deviation = exported
    assert deviation.worst < 1e-4
    caffe, about = engine.select(), json.loads((folder / "catalog.json").read_text())
    net_run, weights = feature_net.net_of(run)
    blobs = [about["features"], *about["probabilities"]]
    net = feature_net.open_net(caffe, net_run.deploy, weights, blobs)
    views = transform.Views(caffe, run.dataset.mean, net.blobs["data"].shape[1:])
    pixels = image_source.photo(photo, about["size"])
    expected = feature_net.forward(net, views.of("photo", pixels), blobs, 1)
    start = (about["size"] - about["crop"]) // 2
    crop = pixels[None, :, start : start + about["crop"], start : start + about["crop"]].astype(np.float32)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    result = np.concatenate(session.run(blobs, {"data": crop}), axis=1)
    model = cv2.dnn.readNetFromONNX(str(folder / "model.onnx"))
    model.setInput(crop, "data")
    by_opencv = np.concatenate([v.reshape(1, -1) for v in model.forward(model.getUnconnectedOutLayersNames())], axis=1)
    for values in (result, by_opencv):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_script_annotates_without_torch_as_the_toolkit_does(exported, photo):
    run, folder, _ = exported
    python = environments.environment("onnxruntime", ALONE)
    done = subprocess.run(
        [str(python), str(folder / "annotate.py"), str(photo), "0"], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ""},
    )  # fmt: skip
    result = [line.split("\t") for line in done.stdout.splitlines()]
    labels = Annotator(engine.select(), run).annotate(photo, 0.0)
    expected = {(label.group, label.label): label.probability for label in labels}
    catalog = Catalog.load(run.dataset.catalog)
    assert [(g, label) for g, label, _ in result] == [(g.name, label) for g in catalog.groups for label in g.labels]
    assert len(result) == len(expected)
    for group, label, probability in result:
        assert float(probability) == pytest.approx(expected[group, label], abs=6e-4)
    torch = subprocess.run([str(python), "-c", "import torch"], capture_output=True, env={"PYTHONPATH": ""}, text=True)
    assert "No module named 'torch'" in torch.stderr
    words = [str(python), str(folder / "annotate.py"), str(folder / "README.md")]
    wrong = subprocess.run(words, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1 and wrong.stderr.startswith("error: ") and "Traceback" not in wrong.stderr


def test_the_script_is_30_lines_and_the_card_says_what_the_net_is(exported):
    run, folder, _ = exported
    lines = (folder / "annotate.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 30
    card = (folder / "README.md").read_text()
    for part in ("## Data", "## Groups", "gamma", "Mean mAP@10", "## Limits", "multi\\_weight\\_iter_6"):
        assert part.replace("multi\\_weight\\_iter_6", "multi_weight_iter_6") in card
    settings = json.loads(run.settings.read_text())
    name, gamma = next(iter(settings["gamma"].items()))
    assert f"{gamma:.4g}" in card


def test_one_output_of_a_multi_label_net(own_shop):
    folder, _ = exporting.export_run(engine.select(), own_shop.run("multi_label"))
    assert json.loads((folder / "catalog.json").read_text())["probabilities"] == ["prob"]


def test_a_run_without_a_snapshot_is_one_error(own_shop):
    run = own_shop.run("multi_label")
    for path in run.snapshots.iterdir():
        path.unlink()
    with pytest.raises(UserError, match="train multi_label first"):
        exporting.export_run(engine.select(), run)
    with pytest.raises(UserError, match="no trained net"):
        exporting.export_run(engine.select(), own_shop.run("untrained"))


def test_the_original_engine_cannot_export(own_shop):
    class Original:
        pass

    with pytest.raises(UserError, match="ENGINE=torch"):
        exporting.export_run(Original(), own_shop.run("multi_weight"))
