"""Experiments on what the engines do differently on purpose: run in either, each gives arrays by name, or raises.

test_differences.py says what each is for. NumPy and a caffe only.
"""

from __future__ import annotations

import os
import shutil

import numpy as np

INPUT = 'layer {{ name: "{0}" type: "Input" top: "{0}" input_param {{ shape {{ {1} }} }} }}\n'


def net_of(caffe, text, inputs=None, phase=None, force=False):
    """A net with the arrays ``inputs`` as its Input layers, filled."""
    head = "force_backward: true\n" if force else ""
    for name, array in (inputs or {}).items():
        head += INPUT.format(name, " ".join(f"dim: {n}" for n in array.shape))
    with open("probe.prototxt", "w") as file:
        file.write(head + text)
    net = caffe.Net("probe.prototxt", caffe.TRAIN if phase is None else phase)
    for name, array in (inputs or {}).items():
        net.blobs[name].data[...] = array
    return net


def outputs(net):
    net.forward()
    return {name: net.blobs[name].data.copy() for name in net.blobs}


def solver_of(caffe, net, settings, prefix="probe"):
    """A solver whose net is the text ``net``."""
    with open("probe_net.prototxt", "w") as file:
        file.write(net)
    with open("probe_solver.prototxt", "w") as file:
        file.write(f'net: "probe_net.prototxt" lr_policy: "fixed" snapshot_prefix: "{prefix}" {settings}')
    return caffe.get_solver("probe_solver.prototxt")


DATA = """
layer { name: "data" type: "Data" top: "data" top: "label" transform_param { scale: 0.01 }
        data_param { source: "../files/raw_lmdb" batch_size: 2 backend: LMDB } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


# --- random streams ---


def fillers(caffe):
    """40,000 weights of every filler type, from a fixed seed."""
    caffe.set_random_seed(1)
    kinds = {
        "constant": "value: 0.3", "uniform": "min: -2 max: 3", "gaussian": "mean: 1 std: 2",
        "gaussian_sparse": "std: 2 sparse: 10", "positive_unitball": "", "xavier": "",
        "xavier_average": "variance_norm: AVERAGE", "xavier_out": "variance_norm: FAN_OUT", "msra": "",
        "msra_average": "variance_norm: AVERAGE",
    }  # fmt: skip
    text = ""
    for name, settings in kinds.items():
        kind = name if name == "positive_unitball" else name.partition("_")[0]
        text += (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "data" top: "{name}" inner_product_param {{ '
            f'num_output: 400 bias_term: false weight_filler {{ type: "{kind}" {settings} }} }} }}\n'
        )
    text += """
layer { name: "up" type: "Deconvolution" bottom: "image" top: "up" convolution_param { num_output: 2 group: 2
        kernel_size: 5 stride: 3 bias_term: false weight_filler { type: "bilinear" } } }"""
    net = net_of(caffe, text, {"data": np.zeros((1, 100)), "image": np.zeros((1, 2, 3, 3))})
    return {name: net.params[name][0].data.copy() for name in net.params}


def dropout(caffe):
    """Dropout of ones in training: top, and the gradient for a gradient of ones."""
    caffe.set_random_seed(1)
    results = {}
    for ratio in (0.2, 0.5, 0.9):
        text = 'layer {{ name: "top" type: "Dropout" bottom: "x" top: "top" dropout_param {{ dropout_ratio: {0} }} }}'
        net = net_of(caffe, text.format(ratio), {"x": np.ones((200, 500))}, force=True)
        net.forward()
        net.blobs["top"].diff[...] = 1
        net.backward()
        results[f"top/{ratio}"] = net.blobs["top"].data.copy()
        results[f"diff/{ratio}"] = net.blobs["x"].diff.copy()
    return results


def dropout_zero(caffe):
    """Dropout that drops nothing."""
    text = 'layer { name: "top" type: "Dropout" bottom: "x" top: "top" dropout_param { dropout_ratio: 0 } }'
    return outputs(net_of(caffe, text, {"x": np.arange(6.0).reshape(2, 3)}))


def dummy_data(caffe):
    """A random blob is drawn anew in every forward, a constant one is not."""
    caffe.set_random_seed(1)
    text = """layer { name: "d" type: "DummyData" top: "random" top: "constant" dummy_data_param {
        shape { dim: 100 dim: 200 } data_filler { type: "uniform" min: 1 max: 2 } data_filler { value: 7 } } }"""
    net = net_of(caffe, text)
    first = outputs(net)
    net.blobs["constant"].data[...] = 5
    second = outputs(net)
    return {"first": first["random"], "second": second["random"], "constant": second["constant"]}


def crops(caffe):
    """Where random crops and mirrors of one image lie: every position of a 9 x 8 image's 7 x 7 crops is met."""
    caffe.set_random_seed(1)
    text = """layer { name: "data" type: "Data" top: "data" transform_param { crop_size: 7 mirror: true }
        data_param { source: "../files/raw_lmdb" batch_size: 12 backend: LMDB } }"""
    net = net_of(caffe, text)
    return {"crops": np.stack([outputs(net)["data"] for _ in range(150)])}


# --- data ---


def resume(caffe):
    """The first labels that a solver reads at first, at iteration 3 and after it has been restored there."""
    solver = solver_of(caffe, DATA, "base_lr: 0.01")
    batches = []
    for _ in range(3):
        solver.step(1)
        batches.append(solver.net.blobs["data"].data.copy())
    solver.snapshot()
    solver.step(1)
    fourth = solver.net.blobs["data"].data.copy()
    again = solver_of(caffe, DATA, "base_lr: 0.01")
    again.restore("probe_iter_3.solverstate")
    again.step(1)
    return {"first": batches[0], "fourth": fourth, "resumed": again.net.blobs["data"].data.copy()}


def moved_snapshot(caffe):
    """A .solverstate and its .caffemodel moved together into another folder."""
    solver = solver_of(caffe, DATA, "base_lr: 0.01")
    solver.step(2)
    solver.snapshot()
    os.makedirs("moved", exist_ok=True)
    for kind in ("caffemodel", "solverstate"):
        os.replace("probe_iter_2." + kind, "moved/probe_iter_2." + kind)
    again = solver_of(caffe, DATA, "base_lr: 0.01")
    again.restore("moved/probe_iter_2.solverstate")
    return {"iteration": np.array(again.iter)}


def snapshot_folder(caffe):
    """A snapshot_prefix in a folder that does not exist."""
    solver = solver_of(caffe, DATA, "base_lr: 0.01", "no/such/folder/probe")
    solver.step(1)
    solver.snapshot()
    return {"exists": np.array(os.path.exists("no/such/folder/probe_iter_1.caffemodel"))}


def lock(caffe):
    """Whether reading an LMDB writes its lock file."""
    os.makedirs("fresh_lmdb")
    shutil.copy("../files/raw_lmdb/data.mdb", "fresh_lmdb/data.mdb")
    outputs(net_of(caffe, DATA.replace("../files/raw_lmdb", "fresh_lmdb")))
    return {"locked": np.array(os.path.exists("fresh_lmdb/lock.mdb"))}


def leveldb(caffe):
    """A Data layer that names no backend, which means LevelDB, on an LMDB."""
    return outputs(net_of(caffe, DATA.replace("backend: LMDB", "")))


def resized(caffe):
    """caffe.io.resize_image of a sharp edge, larger and smaller, and of a smooth slope."""
    edge = np.zeros((8, 8, 3), np.float32)
    edge[:, 4:] = 1
    slope = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8, 1)
    return {
        "larger": caffe.io.resize_image(edge, (16, 16)),
        "smaller": caffe.io.resize_image(edge, (3, 3)),
        "slope": caffe.io.resize_image(slope, (11, 13)),
    }


# --- mistakes ---


def unknown_layer(caffe):
    net_of(caffe, 'layer { name: "x" type: "NoSuchLayer" top: "x" }')
    return {}


def wrong_shape(caffe):
    """Weights of another shape under the same layer name."""
    text = 'layer {{ name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param {{ num_output: {0} }} }}'
    net_of(caffe, text.format(2), {"x": np.zeros((1, 3))}).save("two.caffemodel")
    net_of(caffe, text.format(4), {"x": np.zeros((1, 3))}).copy_from("two.caffemodel")
    return {}


def diverging(caffe):
    """Five iterations with a rate that makes the loss infinite."""
    text = """
layer { name: "x" type: "DummyData" top: "x" top: "t" dummy_data_param { shape { dim: 1 dim: 1 }
        data_filler { value: 1 } data_filler { value: 3 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 1 bias_term: false weight_filler { value: 1 } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss" }"""
    solver = solver_of(caffe, text, "base_lr: 1e30")
    solver.step(5)
    return {"weight": solver.net.params["fc"][0].data.copy()}


# --- layers ---


def label_out_of_range(caffe):
    """Label 3 of 3 classes: the original reads the next image's first probability."""
    text = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "y" top: "loss" }'
    return outputs(net_of(caffe, text, {"x": np.zeros((2, 3)), "y": np.array([3.0, 0])}))


def softmax_two_tops(caffe):
    text = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "x" bottom: "y" top: "loss" top: "p" }'
    return outputs(net_of(caffe, text, {"x": np.zeros((2, 3)), "y": np.array([2.0, 0])}))


def accuracy_ties(caffe):
    """Equal scores for every class."""
    text = 'layer { name: "top" type: "Accuracy" bottom: "x" bottom: "y" top: "top" }'
    return outputs(net_of(caffe, text, {"x": np.ones((4, 3)), "y": np.array([0.0, 1, 2, 0])}))


def pooling_outside(caffe, method="MAX"):
    """Windows of 2 every 3 pixels of 6: by the rounding up the third begins behind the last pixel."""
    text = """layer {{ name: "top" type: "Pooling" bottom: "x" top: "top"
        pooling_param {{ pool: {0} kernel_size: 2 stride: 3 }} }}"""
    x = np.arange(36.0).reshape(1, 1, 6, 6)
    return outputs(net_of(caffe, text.format(method), {"x": x}))


def pooling_outside_average(caffe):
    return pooling_outside(caffe, "AVE")


def pooling_stochastic(caffe):
    text = """layer { name: "top" type: "Pooling" bottom: "x" top: "top"
        pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 } }"""
    return outputs(net_of(caffe, text, {"x": np.arange(1.0, 17).reshape(1, 1, 4, 4)}, phase=caffe.TEST))


def eltwise_in_place(caffe):
    """b onto a, in a's place."""
    text = """layer { name: "copy" type: "Power" bottom: "a" top: "sum" }
        layer { name: "sum" type: "Eltwise" bottom: "sum" bottom: "b" top: "sum" }"""
    return outputs(net_of(caffe, text, {"a": np.array([1.0, 2, 3]), "b": np.array([10.0, 20, 30])}))


def power_at_zero(caffe):
    """The gradient of x ** 3 at 0 and at 2."""
    text = 'layer { name: "top" type: "Power" bottom: "x" top: "top" power_param { power: 3 } }'
    net = net_of(caffe, text, {"x": np.array([0.0, 2.0])}, force=True)
    net.forward()
    net.blobs["top"].diff[...] = 1
    net.backward()
    return {"diff": net.blobs["x"].diff.copy()}


def batch_norm_vector(caffe):
    """A blob of one axis, which has no channels."""
    return outputs(net_of(caffe, 'layer { name: "y" type: "BatchNorm" bottom: "x" top: "y" }', {"x": np.arange(7.0)}))


# --- the schema ---


def schema(caffe):
    """The file descriptor of caffe.proto as bytes."""
    return {"descriptor": np.frombuffer(caffe.proto.caffe_pb2.DESCRIPTOR.serialized_pb, np.uint8)}
