"""A small training that draws nothing at random, for both engines: LMDBs, nets, solver, first weights. All relative."""

from __future__ import annotations

from pathlib import Path

import lmdb
import numpy as np

from caffe_torch.files import whole_file, wire
from caffe_torch.proto import caffe_pb2

NET = """name: "small"
layer { name: "images" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { scale: 0.00390625 } data_param { source: "train_lmdb" backend: LMDB batch_size: 5 } }
layer { name: "images" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { scale: 0.00390625 } data_param { source: "test_lmdb" backend: LMDB batch_size: 4 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "pool" top: "pool" }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 4 } }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
layer { name: "extra" type: "EuclideanLoss" bottom: "fc" bottom: "fc_again" top: "a_second" loss_weight: 0.5
  include { phase: TRAIN stage: "never" } }
"""

SHAPES = {"conv": [(3, 1, 3, 3), (3,)], "fc": [(4, 48), (4,)]}


def write(folder: Path, solver: str = "") -> None:
    """net.prototxt, solver.prototxt (``solver`` are its settings), first.caffemodel, train_lmdb, test_lmdb."""
    rng = np.random.default_rng(5)
    for name, count in (("train_lmdb", 23), ("test_lmdb", 12)):
        with lmdb.open(str(folder / name), map_size=1 << 22) as store, store.begin(write=True) as writer:
            for i in range(count):
                label = int(rng.integers(4))
                image = rng.integers(0, 120, (1, 10, 10), dtype=np.uint8)
                image[0, 2 * label : 2 * label + 3] += 100
                datum = caffe_pb2.Datum(channels=1, height=10, width=10, data=image.tobytes(), label=label)
                writer.put(b"%08d" % i, datum.SerializeToString())
    layers = []
    for name, shapes in SHAPES.items():
        arrays = [rng.standard_normal(shape).astype(np.float32) * 0.3 for shape in shapes]
        layers.append(wire.StoredLayer(caffe_pb2.LayerParameter(name=name), arrays))
    whole_file.write(folder / "first.caffemodel", lambda file: wire.write_net(file, "small", layers))
    (folder / "net.prototxt").write_text(NET)
    (folder / "solver.prototxt").write_text(f'net: "net.prototxt" snapshot_prefix: "s" solver_mode: CPU {solver}')
