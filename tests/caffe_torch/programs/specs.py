"""Nets written with NetSpec, as serialized protos. python specs.py OUT.npz"""

import sys

import caffe
import numpy as np
from caffe import layers as L
from caffe import params as P
from caffe import to_proto
from caffe.coord_map import coord_map_from_to, crop


def conv_relu(bottom, outputs, **more):
    conv = L.Convolution(
        bottom,
        kernel_size=3,
        num_output=outputs,
        param=[dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)],
        **more,
    )
    return conv, L.ReLU(conv, in_place=True)


def named():
    n = caffe.NetSpec()
    n.data, n.label = L.Data(
        source="lmdb",
        backend=P.Data.LMDB,
        batch_size=4,
        ntop=2,
        transform_param=dict(scale=1.0 / 255, mean_value=[1, 2, 3]),
    )
    n.conv1, n.relu1 = conv_relu(n.data, 8, weight_filler=dict(type="xavier"))
    n["pool-1"] = L.Pooling(n.relu1, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.a, n.b = L.Slice(n["pool-1"], slice_point=3, ntop=2)
    n.sum = L.Eltwise(n.a, n.b, operation=P.Eltwise.SUM, coeff=[1, -1])
    n.fc = L.InnerProduct(n.sum, num_output=5, name="scores")
    n.loss = L.SoftmaxWithLoss(n.fc, n.label, loss_weight=0.5, include=dict(phase=caffe.TRAIN))
    n.accuracy = L.Accuracy(n.fc, n.label, include=[dict(phase=caffe.TEST, stage="deploy")])
    n.own = L.Python(n.fc, module="own", layer="Own", param_str=str(dict(a=1)), ntop=1)
    n.silence = L.Silence(n.own, ntop=0)
    n.tops.pop("silence") if not hasattr(n.silence, "fn") and "silence" in n.tops else None
    return n.to_proto()


def unnamed():
    data = L.Input(shape=[dict(dim=[1, 3, 8, 8])])
    conv = L.Convolution(data, num_output=2, kernel_size=3)
    drop = L.Dropout(L.ReLU(conv, in_place=True), in_place=True)
    return to_proto(L.Softmax(L.InnerProduct(drop, num_output=3)), L.Sigmoid(conv))


def fully_convolutional():
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 50, 50]))
    n.conv1, n.relu1 = conv_relu(n.data, 4, pad=20)
    n.pool1 = L.Pooling(n.relu1, kernel_size=2, stride=2)
    n.score = L.Convolution(n.pool1, num_output=2, kernel_size=1)
    n.up = L.Deconvolution(n.score, convolution_param=dict(num_output=2, kernel_size=4, stride=2, bias_term=False))
    n.out = crop(n.up, n.data)
    return n, n.to_proto()


def main(out):
    n, fully = fully_convolutional()
    results = dict(
        (name, np.frombuffer(proto.SerializeToString(), np.uint8))
        for name, proto in (("named", named()), ("unnamed", unnamed()), ("fully_convolutional", fully))
    )
    for name, pair in (("from_to", (n.up, n.data)), ("back", (n.data, n.score)), ("same", (n.pool1, n.pool1))):
        axis, scale, shift = coord_map_from_to(*pair)
        results["map/" + name] = np.array([-1 if axis is None else axis, np.ravel(scale)[0], np.ravel(shift)[0]], float)
    for bad in (lambda: L.ReLU("data"), lambda: L.ReLU(n.data, nonesuch=1).to_proto(), lambda: P.Pooling.NONE_SUCH):
        try:
            bad()
        except (TypeError, AttributeError, ValueError):
            continue
        raise AssertionError("a mistake was taken")
    np.savez(out, **results)


if __name__ == "__main__":
    main(sys.argv[1])
