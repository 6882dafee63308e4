"""Nets in the formats of 2013 (V0) and 2014 (V1), written for these tests; every field of either is used somewhere."""

V0_LENET = """
name: "LeNet"
layers { layer { name: "mnist" type: "data" source: "train-leveldb" batchsize: 64 scale: 0.00390625 rand_skip: 3
                 meanfile: "m.binaryproto" cropsize: 24 mirror: true } top: "data" top: "label" }
layers { layer { name: "pad1" type: "padding" pad: 2 } bottom: "data" top: "padded" }
layers { layer { name: "conv1" type: "conv" num_output: 20 kernelsize: 5 stride: 1 group: 2 biasterm: false
                 weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.5 }
                 blobs_lr: 1. blobs_lr: 2. weight_decay: 1 weight_decay: 0 } bottom: "padded" top: "conv1" }
layers { layer { name: "pool1" type: "pool" kernelsize: 2 stride: 2 pool: STOCHASTIC pad: 1 }
         bottom: "conv1" top: "pool1" }
layers { layer { name: "norm1" type: "lrn" local_size: 5 alpha: 0.0001 beta: 0.75 k: 2 } bottom: "pool1" top: "norm1" }
layers { layer { name: "pad2" type: "padding" pad: 1 } bottom: "norm1" top: "padded2" }
layers { layer { name: "pool2" type: "pool" kernelsize: 3 stride: 2 pool: AVE } bottom: "padded2" top: "pool2" }
layers { layer { name: "ip1" type: "innerproduct" num_output: 500 biasterm: true weight_filler { type: "xavier" }
                 bias_filler { type: "constant" } blobs_lr: 1. blobs_lr: 2. } bottom: "pool2" top: "ip1" }
layers { layer { name: "relu1" type: "relu" } bottom: "ip1" top: "ip1" }
layers { layer { name: "drop1" type: "dropout" dropout_ratio: 0.4 } bottom: "ip1" top: "ip1" }
layers { layer { name: "loss" type: "softmax_loss" } bottom: "ip1" bottom: "label" }
"""

V0_OTHERS = """
name: "others"
force_backward: true
input: "a" input: "b"
input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 5 input_dim: 6 input_dim: 7 input_dim: 8
layers { layer { name: "i" type: "images" source: "list.txt" batchsize: 4 new_height: 30 new_width: 40
                 shuffle_images: true rand_skip: 2 } top: "i" top: "il" }
layers { layer { name: "w" type: "window_data" source: "w.txt" batchsize: 4 cropsize: 20 det_fg_threshold: 0.6
                 det_bg_threshold: 0.4 det_fg_fraction: 0.3 det_context_pad: 2 det_crop_mode: "square" }
         top: "w" top: "wl" }
layers { layer { name: "h" type: "hdf5_data" source: "h.txt" batchsize: 4 } top: "h" top: "hl" }
layers { layer { name: "c" type: "concat" concat_dim: 0 } bottom: "a" bottom: "b" top: "c" }
layers { layer { name: "o" type: "hdf5_output" hdf5_output_param { file_name: "out.h5" } } bottom: "h" bottom: "hl" }
layers { layer { name: "g" type: "infogain_loss" source: "info.binaryproto" } bottom: "c" bottom: "wl" }
layers { layer { name: "x1" type: "accuracy" } bottom: "c" bottom: "wl" top: "x1" }
layers { layer { name: "x2" type: "bnll" } bottom: "c" top: "x2" }
layers { layer { name: "x3" type: "euclidean_loss" } bottom: "c" bottom: "wl" }
layers { layer { name: "x4" type: "flatten" } bottom: "c" top: "x4" }
layers { layer { name: "x5" type: "im2col" } bottom: "c" top: "x5" }
layers { layer { name: "x6" type: "multinomial_logistic_loss" } bottom: "c" bottom: "wl" }
layers { layer { name: "x7" type: "sigmoid" } bottom: "c" top: "x7" }
layers { layer { name: "x8" type: "softmax" } bottom: "c" top: "x8" }
layers { layer { name: "x9" type: "split" } bottom: "c" top: "x9" }
layers { layer { name: "x10" type: "tanh" } bottom: "c" top: "x10" }
"""

V1_CAFFENET = """
name: "CaffeNet"
layers { name: "data" type: DATA top: "data" top: "label"
         data_param { source: "lmdb" backend: LMDB batch_size: 256 crop_size: 227 mean_file: "m" mirror: true scale: 2 }
         include: { phase: TRAIN } }
layers { name: "data" type: DATA top: "data" top: "label" data_param { source: "lmdb" backend: LMDB batch_size: 50 }
         transform_param { crop_size: 227 mean_file: "m" mirror: false } include: { phase: TEST stage: "s" } }
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2 weight_decay: 1
         weight_decay: 0 convolution_param { num_output: 96 kernel_size: 11 stride: 4 group: 2 pad: 1
         weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "constant" value: 0 } } }
layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" relu_param { negative_slope: 0.1 } }
layers { name: "pool1" type: POOLING bottom: "conv1" top: "pool1" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layers { name: "norm1" type: LRN bottom: "pool1" top: "norm1" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 } }
layers { name: "fc6" type: INNER_PRODUCT bottom: "norm1" top: "fc6" param: "w" param: "b" blob_share_mode: PERMISSIVE
         blobs_lr: 1 inner_product_param { num_output: 10 } }
layers { name: "drop6" type: DROPOUT bottom: "fc6" top: "fc6" dropout_param { dropout_ratio: 0.5 } }
layers { name: "accuracy" type: ACCURACY bottom: "fc6" bottom: "label" top: "accuracy" accuracy_param { top_k: 5 }
         exclude: { phase: TRAIN } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc6" bottom: "label" top: "loss" loss_weight: 0.5
         loss_param { ignore_label: 3 } softmax_param { axis: 1 } }
"""

#: Every V1 type once, by its number's name, and the transformations of the other two data types.
V1_TYPES = """
name: "types"
input: "x" input_shape { dim: 1 dim: 2 }
layers { name: "image" type: IMAGE_DATA top: "i" top: "il"
         image_data_param { source: "l" batch_size: 2 scale: 0.5 mean_file: "m" crop_size: 3 mirror: true } }
layers { name: "window" type: WINDOW_DATA top: "w" top: "wl"
         window_data_param { source: "l" batch_size: 2 scale: 0.5 mean_file: "m" crop_size: 3 mirror: true } }
"""

SOLVERS = [
    f'net: "n.prototxt" base_lr: 0.1 lr_policy: "fixed" solver_type: {kind} snapshot_prefix: "x"'
    for kind in ("SGD", "NESTEROV", "ADAGRAD", "RMSPROP", "ADADELTA", "ADAM")
]

BATCH_NORM = """
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "y" param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 }
        param { name: "shared" } }
"""
