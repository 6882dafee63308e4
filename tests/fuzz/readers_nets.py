"""Net text and solver text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mutations
from readers import Reader, register

import caffe_torch as caffe
from caffe_torch.files import prototxt

_IMAGE = """name: "n"
layer { name: "x" type: "Input" top: "x" top: "l"
  input_param { shape { dim: 2 dim: 4 dim: 8 dim: 8 } shape { dim: 2 } } }
"""
#: One layer of every common type on the image x, each with its settings.
_LAYERS = (
    'type: "Convolution" bottom: "x" '
    "convolution_param { num_output: 2 kernel_size: 3 pad: 1 stride: 2 group: 2 dilation: 1 }",
    'type: "Deconvolution" bottom: "x" '
    "convolution_param { num_output: 2 kernel_h: 3 kernel_w: 2 axis: 1 bias_term: false }",
    'type: "Pooling" bottom: "x" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }',
    'type: "Pooling" bottom: "x" pooling_param { global_pooling: true }',
    'type: "LRN" bottom: "x" lrn_param { local_size: 3 alpha: 0.1 beta: 0.75 norm_region: WITHIN_CHANNEL }',
    'type: "Im2col" bottom: "x" convolution_param { kernel_size: 2 stride: 2 }',
    'type: "SPP" bottom: "x" spp_param { pyramid_height: 2 }',
    'type: "InnerProduct" bottom: "x" inner_product_param { num_output: 3 axis: 1 weight_filler { type: "xavier" } }',
    'type: "Embed" bottom: "l" embed_param { num_output: 3 input_dim: 4 }',
    'type: "BatchNorm" bottom: "x" batch_norm_param { eps: 0.001 moving_average_fraction: 0.9 }',
    'type: "MVN" bottom: "x" mvn_param { across_channels: true eps: 1e-9 }',
    'type: "Scale" bottom: "x" scale_param { axis: 1 num_axes: 2 bias_term: true }',
    'type: "Bias" bottom: "x" bias_param { axis: 0 num_axes: -1 }',
    'type: "PReLU" bottom: "x" prelu_param { channel_shared: true }',
    'type: "Dropout" bottom: "x" dropout_param { dropout_ratio: 0.4 }',
    'type: "Power" bottom: "x" power_param { power: 2 scale: 0.5 shift: 1 }',
    'type: "Exp" bottom: "x" exp_param { base: 2 scale: 0.1 shift: 1 }',
    'type: "Log" bottom: "x" log_param { base: 2 scale: 0.1 shift: 1 }',
    'type: "ELU" bottom: "x" elu_param { alpha: 0.5 }',
    'type: "Reduction" bottom: "x" reduction_param { operation: SUMSQ axis: 1 coeff: 2 }',
    'type: "Reshape" bottom: "x" reshape_param { shape { dim: 0 dim: -1 dim: 4 } axis: 1 num_axes: 2 }',
    'type: "Flatten" bottom: "x" flatten_param { axis: 1 end_axis: -1 }',
    'type: "Slice" bottom: "x" top: "y2" slice_param { axis: 1 slice_point: 2 }',
    'type: "Concat" bottom: "x" bottom: "x" concat_param { axis: 1 }',
    'type: "Eltwise" bottom: "x" bottom: "x" eltwise_param { operation: SUM coeff: 1 coeff: -1 }',
    'type: "Tile" bottom: "x" tile_param { axis: 1 tiles: 2 }',
    'type: "Crop" bottom: "x" bottom: "x" crop_param { axis: 2 offset: 0 }',
    'type: "ArgMax" bottom: "x" argmax_param { top_k: 2 axis: 1 out_max_val: true }',
    'type: "Softmax" bottom: "x" softmax_param { axis: 1 }',
    'type: "BatchReindex" bottom: "x" bottom: "l"',
    'type: "Filter" bottom: "x" bottom: "l"',
    'type: "Threshold" bottom: "x" threshold_param { threshold: 0.5 }',
    'type: "Clip" bottom: "x" clip_param { min: -1 max: 1 }',
    'type: "DummyData" '
    'dummy_data_param { shape { dim: 2 dim: 3 } data_filler { type: "gaussian" std: 0.1 sparse: 2 } }',
    'type: "Parameter" parameter_param { shape { dim: 3 dim: 2 } }',
    'type: "MemoryData" top: "y2" memory_data_param { batch_size: 2 channels: 1 height: 2 width: 2 }',
    'type: "InnerProduct" bottom: "l" inner_product_param { num_output: 1 axis: 0 bias_term: false } '
    "blobs { shape { dim: 1 dim: 2 } data: 1 data: 2 }",
)
_LOSSES = """layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" param { name: "w" lr_mult: 1 decay_mult: 0 }
  inner_product_param { num_output: 3 } }
layer { name: "loss" type: "%s" bottom: "fc" bottom: "%s" top: "loss" include { phase: TEST } %s }"""
_LOSS_TYPES = (
    ("SoftmaxWithLoss", "l", "loss_param { ignore_label: 2 normalization: VALID } softmax_param { axis: 1 }"),
    ("HingeLoss", "l", "hinge_loss_param { norm: L2 }"),
    ("EuclideanLoss", "fc", "loss_weight: 2"),
    ("SigmoidCrossEntropyLoss", "fc", "propagate_down: true propagate_down: false"),
    ("MultinomialLogisticLoss", "l", ""),
    ("Accuracy", "l", "accuracy_param { top_k: 2 ignore_label: 0 axis: 1 }"),
)
_RECURRENT = """layer { name: "x" type: "Input" top: "x" top: "c"
  input_param { shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 dim: 2 } } }
layer { name: "r" type: "%s" bottom: "x" bottom: "c" top: "y"
  recurrent_param { num_output: 3 expose_hidden: false weight_filler { type: "uniform" min: -0.1 max: 0.1 } } }"""
_OLD = (
    """name: "v1" input: "x" input_dim: 1 input_dim: 2 input_dim: 6 input_dim: 6
layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" blobs_lr: 1 weight_decay: 0
  convolution_param { num_output: 2 kernel_size: 3 } }
layers { name: "r" type: RELU bottom: "c" top: "c" }""",
    """name: "v0" input: "x" input_dim: 1 input_dim: 2 input_dim: 6 input_dim: 6
layers { layer { name: "p" type: "padding" pad: 1 } bottom: "x" top: "p" }
layers { layer { name: "c" type: "conv" num_output: 2 kernelsize: 3 stride: 2 blobs_lr: 1 } bottom: "p" top: "c" }
layers { layer { name: "n" type: "lrn" local_size: 3 } bottom: "c" top: "n" }""",
)


def nets() -> list[bytes]:
    """Small nets of every kind."""
    result = [_IMAGE + f'layer {{ name: "y" top: "y" {layer} }}' for layer in _LAYERS]
    result += [_IMAGE + _LOSSES % loss for loss in _LOSS_TYPES]
    result += [_RECURRENT % kind for kind in ("RNN", "LSTM")]
    result += _OLD
    return [text.encode() for text in result]


def run_net(net: caffe.Net) -> None:
    """Forward and backward with inputs that are labels too."""
    for name in net.inputs:
        net.blobs[name].data[...] = 1
    if any(layer.type == "MemoryData" for layer in net.layers):
        return  # its data would be the program's to give
    net.forward()
    net.backward()


def read_net(path: Path) -> None:
    run_net(caffe.Net(str(path), caffe.TEST))


def _solvers(folder: Path) -> Sequence[bytes]:
    (folder / "net.prototxt").write_text(_IMAGE + _LOSSES % ("EuclideanLoss", "fc", ""))
    own = (_IMAGE + _LOSSES % ("EuclideanLoss", "fc", "")).replace("\n", " ")
    result = []
    for kind in ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"):
        for policy in ("fixed", "step", "exp", "inv", "multistep", "poly", "sigmoid"):
            more = "" if kind in ("AdaGrad", "RMSProp") else "momentum: 0.9"
            result.append(
                f'net: "net.prototxt" type: "{kind}" lr_policy: "{policy}" base_lr: 0.01 gamma: 0.5 power: 0.5 {more} '
                "stepsize: 2 stepvalue: 1 stepvalue: 3 max_iter: 2 weight_decay: 0.01 iter_size: 1 display: 1 "
                'average_loss: 2 snapshot: 1 snapshot_prefix: "s" random_seed: 3 solver_mode: CPU clip_gradients: 5'
            )
    result.append(
        f'net_param {{ {own} }} test_iter: 1 test_interval: 1 lr_policy: "fixed" base_lr: 0.1 solver_type: ADAM'
    )
    return [text.encode() for text in result]


def _read_solver(path: Path) -> None:
    param = prototxt.read_solver(str(path))
    # What asks for long work is no mistake: it is read, and cut short.
    param.iter_size = min(param.iter_size, 2) if param.iter_size > 0 else param.iter_size
    for i, batches in enumerate(param.test_iter):
        param.test_iter[i] = min(batches, 2)
    solver = caffe.get_solver(param)
    solver.step(2)


register(Reader("net-text", ".prototxt", lambda folder: nets(), read_net, (caffe.CaffeError,), mutations.change_text))
register(Reader("solver-text", ".prototxt", _solvers, _read_solver, (caffe.CaffeError,), mutations.change_text))
