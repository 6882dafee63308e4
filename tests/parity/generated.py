"""The four methods' nets for parity: the committed ones on small LMDBs, and narrow ones from the generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import four_groups
import numpy as np
from files import picture, vector, write_lmdb

import caffe_torch
from caffe_torch import io
from caffe_torch.files import prototxt
from caffe_torch.proto import caffe_pb2
from multiweight.gamma import weights
from multiweight.nets import nets, prototxt_text, solvers
from multiweight.nets.settings import DataPaths, NetSettings
from multiweight.paper.methods import METHODS

CATALOG = four_groups.CATALOG
REPOSITORY = Path(__file__).resolve().parents[2]
PROPORTIONS = {"Colour": 1.0, "Coat": 0.31, "Leather": 0.02, "Skirt": 0.17}
#: 24 records in batches of 4: an epoch is 6 iterations, so that 24 iterations end where the LMDB does.
RECORDS, BATCH, SIDE, EPOCH = 24, 4, 67, 6


def write_pair(folder: Path, prefix: str, records: int, side: int, labels: int) -> None:
    """Images of ``side`` pixels, their label vectors and their mean: ``PREFIX_images_lmdb`` and so on."""
    random = np.random.RandomState(5)
    vectors = (random.random_sample((records, labels)) < 0.3).astype(np.uint8)
    images = [picture(random, (3, side, side), int(row[:3].sum())) for row in vectors]
    write_lmdb(folder / f"{prefix}_images_lmdb", [io.array_to_datum(image) for image in images])
    write_lmdb(folder / f"{prefix}_labels_lmdb", [vector(row) for row in vectors])
    mean = io.array_to_blobproto(np.mean(images, axis=0)[None])
    (folder / f"{prefix}_mean.binaryproto").write_bytes(mean.SerializeToString())


def paths(prefix: str) -> DataPaths:
    """The pair of ``write_pair`` for both phases, as the engines see it."""
    images, labels = f"../files/{prefix}_images_lmdb", f"../files/{prefix}_labels_lmdb"
    return DataPaths(images, labels, images, labels, f"../files/{prefix}_mean.binaryproto")


def fills(net: Any) -> dict[str, list[Any]]:
    """Values for runner.fill of the size that the net's own fillers have, biases around theirs."""
    result: dict[str, list[Any]] = {}
    for layer in net.layer:
        for kind in ("convolution_param", "inner_product_param"):
            if layer.HasField(kind):
                param = getattr(layer, kind)
                bias = param.bias_filler.value
                result[f"{layer.name}/0"] = ["normal", param.weight_filler.std]
                result[f"{layer.name}/1"] = ["uniform", bias - 0.02, bias + 0.02]
    return result


def committed(method: str, prefix: str, batch: int) -> Any:
    """prototxt/METHOD/train_val.prototxt with other LMDBs, mean file and batch size in its Data layers."""
    net = prototxt.read_net(str(REPOSITORY / "prototxt" / method / "train_val.prototxt"))
    here = paths(prefix)
    for layer in net.layer:
        if layer.type == "Data":
            layer.data_param.source = here.test_images if layer.name == "data" else here.test_labels
            layer.data_param.batch_size = batch
            if layer.transform_param.HasField("mean_file"):
                layer.transform_param.mean_file = here.mean
    return net


def narrow(method: str, prefix: str) -> Any:
    """The method's net at 1/16 of the width and 67 pixels, without dropout, mirrors or any choice of crop."""
    paper = METHODS[method]
    settings = NetSettings(
        size=SIDE, crop=SIDE, width=1 / 16, dropout=0.0, mirror=False, batch_size=BATCH, test_batch_size=BATCH
    ).for_head(paper.head)
    gamma = weights.compute(paper.scheme, PROPORTIONS, c=paper.c).values
    return nets.train_val(caffe_torch, settings, CATALOG, gamma, paths(prefix), name=method)


def solver(net: str, prefix: str, iterations: int, **changes: Any) -> str:
    """The generators' solver for ``iterations``, as text: a line of the log each, a test every tenth."""
    values: dict[str, Any] = dict(
        base_lr=0.005, iterations=iterations, stepsize=30, test_iter=2, test_interval=10, snapshot=iterations, display=1
    )
    settings = solvers.SolverSettings(**{**values, **changes})
    return prototxt_text.render(solvers.solver(caffe_pb2, settings, net, prefix))
