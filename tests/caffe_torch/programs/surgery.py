"""Net surgery: inner products become convolutions; weights travel by file, HDF5, sharing. python surgery.py OUT.npz"""

import sys

import caffe
import numpy as np

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: %d dim: %d } } }\n'
TRUNK = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
"""
DENSE = """
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
FULL = """
layer { name: "fc-conv" type: "Convolution" bottom: "pool" top: "fc-conv"
        convolution_param { num_output: 5 kernel_size: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc-conv" top: "prob" }
"""


def write(name, text):
    with open(name, "w") as f:
        f.write('name: "surgery"\nforce_backward: true\n' + text)
    return name


def main(out):
    caffe.set_mode_cpu()
    random = np.random.RandomState(0)
    dense = caffe.Net(write("dense.prototxt", INPUT % (13, 13) + TRUNK + DENSE), caffe.TEST)
    full = caffe.Net(write("full.prototxt", INPUT % (21, 17) + TRUNK + FULL), caffe.TEST)
    for name in dense.params:
        for i in range(len(dense.params[name])):
            blob = dense.params[name][i]
            blob.data[...] = random.standard_normal(blob.data.shape) * 0.3
    dense.save("dense.caffemodel")
    full = caffe.Net("full.prototxt", "dense.caffemodel", caffe.TEST)
    for i in range(2):
        full.params["fc-conv"][i].data.flat = dense.params["fc"][i].data.flat
    results = {}
    small = random.standard_normal((2, 3, 13, 13)).astype(np.float32)
    results["dense"] = dense.forward(data=small)["prob"].copy()
    large = random.standard_normal((2, 3, 21, 17)).astype(np.float32)
    large[:, :, :13, :13] = small
    results["full"] = full.forward(data=large)["prob"].copy()
    assert np.allclose(results["full"][:, :, 0, 0], results["dense"], atol=1e-5)
    results["forward_all"] = dense.forward_all(blobs=["pool"], data=np.concatenate([small, small[:1]]))["pool"]
    # One image of another size: the net follows.
    full.blobs["data"].reshape(1, 3, 15, 30)
    full.reshape()
    results["reshaped"] = np.array(full.blobs["fc-conv"].data.shape)
    full.blobs["data"].data[...] = np.resize(large, (1, 3, 15, 30))
    results["after_reshape"] = full.forward(end="fc-conv")["fc-conv"].copy()
    # Weights by three other ways.
    dense.save_hdf5("dense.h5")
    other = caffe.Net("dense.prototxt", caffe.TEST, weights="dense.caffemodel")
    other.params["conv"][0].data[...] = 0
    other.load_hdf5("dense.h5")
    results["hdf5"] = other.forward(data=small)["prob"].copy()
    sharing = caffe.Net("dense.prototxt", caffe.TEST)
    sharing.share_with(other)
    other.params["fc"][1].data[...] += [5, 0, 0, 0, 0]
    results["shared"] = sharing.forward(data=small)["prob"].copy()
    copied = caffe.Net("full.prototxt", caffe.TEST)
    copied.copy_from("dense.caffemodel")
    results["copied"] = copied.params["conv"][0].data
    np.savez(out, **results)


if __name__ == "__main__":
    main(sys.argv[1])
