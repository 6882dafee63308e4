"""Nets small enough for a test: the trunk at its smallest crop, a few groups, inputs set by hand."""

from __future__ import annotations

import four_groups
import numpy as np

from multiweight.base import engine
from multiweight.nets import nets, prototxt_text
from multiweight.nets.settings import DataPaths, NetSettings

CATALOG = four_groups.CATALOG
GAMMA = {"Colour": 1.0, "Coat": 0.31, "Leather": 0.0002, "Skirt": 0.07}
ONES = dict.fromkeys(GAMMA, 1.0)
PATHS = DataPaths("train_images", "train_labels", "test_images", "test_labels", "mean.binaryproto")


def settings(head="multi_weight", **changes):
    """67 pixels, 1/16 of the width, no dropout: every value of a forward pass is then decided by the weights."""
    small = dict(size=80, crop=67, width=1 / 16, dropout=0.0, batch_size=4, test_batch_size=4)
    return NetSettings(**{**small, **changes}).for_head(head)


def without_data(caffe, net, images=4):
    """The train_val net with Input layers in place of its Data layers: ``data`` and ``label``."""
    schema = engine.schema(caffe)
    result = schema.NetParameter(name=net.name)
    n = caffe.NetSpec()
    crop = next(layer.transform_param.crop_size for layer in net.layer if layer.name == "data")
    labels = sum(layer.inner_product_param.num_output for layer in net.layer if layer.name.startswith("fc8"))
    n.data = caffe.layers.Input(shape=dict(dim=[images, 3, crop, crop]))
    n.label = caffe.layers.Input(shape=dict(dim=[images, labels, 1, 1]))
    result.layer.extend(n.to_proto().layer)
    result.layer.extend(layer for layer in net.layer if layer.type != "Data")
    return result


def load(caffe, folder, chosen, gamma, catalog=CATALOG, images=4, seed=7):
    """A net of the engine with seeded weights and a batch of seeded images and labels."""
    text = prototxt_text.render(without_data(caffe, nets.train_val(caffe, chosen, catalog, gamma, PATHS), images))
    path = folder / "net.prototxt"
    path.write_text(text)
    caffe.set_random_seed(seed)
    net = caffe.Net(str(path), caffe.TRAIN)
    rng = np.random.default_rng(seed)
    net.blobs["data"].data[...] = rng.normal(0, 60, net.blobs["data"].data.shape)
    net.blobs["label"].data[...] = rng.random(net.blobs["label"].data.shape) < 0.3
    return net


def copy_weights(source, target, catalog=CATALOG):
    """Give ``target`` the weights of ``source``; a multi_label fc8 is cut into the groups' fc8."""
    for name, blobs in target.params.items():
        if name in source.params:
            parts = [blob.data for blob in source.params[name]]
        else:
            group = next(group for group in catalog.groups if name == f"fc8_{group.slug}")
            parts = [blob.data[catalog.slices[group.name]] for blob in source.params["fc8"]]
        for blob, part in zip(blobs, parts):
            blob.data[...] = part
