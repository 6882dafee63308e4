"""A tiny net with weights, a tiny LMDB with a mean, and their features worked out in NumPy."""

from __future__ import annotations

from dataclasses import fields

import lmdb
import numpy as np

from multiweight.base import engine
from multiweight.features import extraction
from multiweight.features.settings import Settings

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


class Case:
    """Paths and arrays of one tiny net with weights, images and mean."""


def make_case(caffe, folder, encoded=False):
    case, schema, generator = Case(), engine.schema(caffe), np.random.default_rng(5)
    case.folder, case.deploy, case.images = folder, folder / "deploy.prototxt", folder / "images_lmdb"
    case.mean, case.weights = folder / "mean.binaryproto", folder / "tiny.caffemodel"
    case.output = folder / "features.h5"
    case.deploy.write_text(NET)
    case.pixels = generator.integers(0, 256, size=(IMAGES, 3, SIDE, SIDE)).astype(np.uint8)
    case.keys = [f"{n:08d}" for n in range(IMAGES)]
    write_images(caffe, case.images, dict(zip(case.keys, case.pixels)), encoded)
    case.mean_values = generator.random((3, SIDE, SIDE)).astype(np.float32) * 255
    blob = schema.BlobProto()
    blob.num, blob.channels, blob.height, blob.width = 1, 3, SIDE, SIDE
    blob.data.extend(case.mean_values.ravel().tolist())
    case.mean.write_bytes(blob.SerializeToString())
    net = caffe.Net(str(case.deploy), caffe.TEST)
    for params in net.params.values():
        for param in params:
            param.data[...] = generator.normal(size=param.data.shape) * 0.01
    net.save(str(case.weights))
    case.params = [np.array(param.data) for param in net.params["fc7"]]
    return case


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


def expected(case, mean=True):
    start = (SIDE - CROP) // 2
    x = case.pixels.astype(np.float32) - (case.mean_values if mean else 0)
    x = x[:, :, start : start + CROP, start : start + CROP].reshape(IMAGES, -1)
    return np.maximum(x @ case.params[0].T + case.params[1], 0)


def run(caffe, case, **options):
    known = {field.name for field in fields(Settings)}
    chosen = Settings(**{"batch": 3, **{name: value for name, value in options.items() if name in known}})
    arguments = dict(weights=case.weights, mean=case.mean, variant="tiny", settings=chosen)
    arguments.update((name, value) for name, value in options.items() if name not in known)
    return extraction.extract(caffe, case.deploy, case.images, case.output, **arguments)
