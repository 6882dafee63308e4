"""Weights of labels that are present, by hand, and on their way into the prototxt."""

import json

import numpy as np
import pytest
from google.protobuf import text_format

import caffe_torch as caffe
from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.gamma import label_weights
from multiweight.nets import recipe_files, recipes
from multiweight.nets.settings import NetSettings
from multiweight.records import records
from multiweight.records.catalog import Catalog
from multiweight.records.records import Record

CATALOG = Catalog.from_dict({"Colour": ["red", "blue"], "Coat": ["parka"]})


def test_hand_worked_and_bounded():
    result = label_weights.sqrt_ratio(np.array([50, 10, 98, 0, 1, 100]), np.array([50, 90, 2, 100, 9999, 0]))
    assert result == pytest.approx([1, 3, np.sqrt(2 / 98), 10, 10, 0.1])


def test_from_the_training_images_into_the_net(tmp_path):
    dataset = Dataset("shop", tmp_path / "runs")
    dataset.data.mkdir(parents=True)
    CATALOG.save(dataset.catalog)
    info = {"group_images": {"Colour": 5, "Coat": 1}, "size": 64, "counts": {"train": 5, "test": 2}, "labels": 3}
    dataset.info.write_text(json.dumps(info))
    labels = [(("Colour", "red"),)] * 4 + [(("Colour", "blue"), ("Coat", "parka"))]
    packed = [(f"{n:08}", Record(f"{n}.jpg", str(n), image_labels)) for n, image_labels in enumerate(labels)]
    records.write_packed(dataset.packed("train"), packed)
    net = dict(width=1 / 16, label_weights="sqrt_ratio")
    recipe = recipes.for_dataset(dataset, "rare", scheme="ones", net=net, solver=dict(iterations=10))
    # 4 red and 1 not, 1 blue and 4 not, 1 parka and 4 not.
    assert recipe.present == (0.5, 2, 2)
    recipe_files.write_run(caffe, recipe, dataset, "a test")
    train_val = text_format.Parse(dataset.run("rare").train_val.read_text(), engine.schema(caffe).NetParameter())
    param = next(layer.python_param.param_str for layer in train_val.layer if layer.type == "Python")
    assert json.loads(param)["objective"] == {"name": "sigmoid", "present": [0.5, 2, 2]}
    assert json.loads(dataset.run("rare").settings.read_text())["present"] == [0.5, 2, 2]
    plain = recipes.for_dataset(dataset, "multi_task", net=dict(width=1 / 16), solver=dict(iterations=10))
    assert plain.present == ()


def test_caffes_own_loss_has_none():
    for head in ("multi_label", "multi_weight"):
        with pytest.raises(UserError, match="label_weights sqrt_ratio needs the Python loss"):
            NetSettings(loss="builtin", label_weights="sqrt_ratio").for_head(head)
