"""A run on tiny LMDBs, whose losses tell which images were read."""

import csv
import json

import lmdb
from google.protobuf import text_format

import caffe_torch as caffe
from multiweight.base import done, engine
from multiweight.base.paths import Dataset
from multiweight.records.catalog import Catalog

NET = """
layer { name: "data" type: "Data" top: "data" include { phase: TRAIN }
  data_param { source: "../data/train_images_lmdb" backend: LMDB batch_size: 3 } }
layer { name: "data" type: "Data" top: "data" include { phase: TEST }
  data_param { source: "../data/test_images_lmdb" backend: LMDB batch_size: 2 } }
layer { name: "drop" type: "Dropout" bottom: "data" top: "drop" }
layer { name: "fc" type: "InnerProduct" bottom: "drop" top: "fc"
  inner_product_param { num_output: 1 weight_filler { value: 0.01 } } }
layer { name: "zero" type: "DummyData" top: "zero" dummy_data_param { shape { dim: 3 dim: 1 } }
  include { phase: TRAIN } }
layer { name: "zero" type: "DummyData" top: "zero" dummy_data_param { shape { dim: 2 dim: 1 } }
  include { phase: TEST } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "zero" top: "loss_a" loss_weight: 1 }"""


def make(runs, max_iter=6, display=2, snapshot=2, images=(7, 5)):
    """The run; each of its ``images`` (train, test) has one pixel, its number."""
    dataset = Dataset("d", runs)
    run = dataset.run("multi_task")
    run.root.mkdir(parents=True)
    dataset.data.mkdir()
    schema = engine.schema(caffe)
    for part, count in zip(("train", "test"), images):
        with lmdb.open(str(dataset.images(part)), map_size=1 << 20) as file, file.begin(write=True) as written:
            for n in range(count):
                datum = schema.Datum(channels=1, height=1, width=1, data=bytes([n + 1]))
                written.put(b"%08d" % n, datum.SerializeToString())
    Catalog.from_dict({"Colour": ["red"]}).save(dataset.catalog)
    dataset.info.write_text(json.dumps({"counts": {"train": images[0], "test": images[1]}}))
    run.train_val.write_text(NET)
    param = schema.SolverParameter(
        net="train_val.prototxt", base_lr=0.001, lr_policy="fixed", max_iter=max_iter, snapshot=snapshot,
        display=display, momentum=0.9, snapshot_prefix="snapshots/multi_task", test_iter=[2], test_interval=3,
        type="SGD", random_seed=3,
    )  # fmt: skip
    run.solver.write_text(text_format.MessageToString(param))
    return run


def rows(run):
    with open(run.log, newline="") as file:
        return list(csv.DictReader(file))


def outcome(run, last):
    """What a training leaves, without what depends on the clock."""
    result = done.read(run.training)
    settled = {
        name: value for name, value in result.items() if name not in ("seconds", "images_per_second", "finished")
    }
    log = [{name: value for name, value in row.items() if name != "seconds"} for row in rows(run)]
    # The layers in a .caffemodel hold the paths of their data.
    net = engine.schema(caffe).NetParameter.FromString(run.snapshot(last).read_bytes())
    weights = [blob.SerializeToString() for layer in net.layer for blob in layer.blobs]
    return weights, log, settled
