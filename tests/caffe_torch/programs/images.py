"""caffe.io, Classifier and Detector on drawn images. python images.py OUT.npz"""

import functools
import sys

import caffe
import numpy as np
from caffe.proto import caffe_pb2

if hasattr(caffe.io, "skimage"):
    # The original goes by its scikit-image, which from 0.15 on smooths an image before it shrinks; Caffe is older.
    caffe.io.resize = functools.partial(caffe.io.resize, anti_aliasing=False)

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 3 dim: 3 dim: 16 dim: 16 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 5 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 6 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def images():
    random = np.random.RandomState(2)
    return [random.uniform(0, 1, shape).astype(np.float32) for shape in ((20, 28, 3), (40, 24, 3), (16, 16, 3))]


def resized(results):
    for i, image in enumerate(images()):
        for size in ((16, 16), (33, 50), (24, 17)):
            for order in (0, 1, 3):
                results["resize/%d/%s/%d" % (i, size, order)] = caffe.io.resize_image(image, size, order)
    many = np.random.RandomState(3).standard_normal((9, 12, 5)).astype(np.float32)
    for size in ((18, 12), (5, 7), (30, 31)):
        for order in (0, 1, 3):
            results["zoom/%s/%d" % (size, order)] = caffe.io.resize_image(many, size, order)
    results["one"] = caffe.io.resize_image(images()[0][:, :, :1], (30, 30))
    results["flat"] = caffe.io.resize_image(np.full((4, 5, 3), 0.25, np.float32), (7, 7))


def transformed(results):
    transformer = caffe.io.Transformer({"data": (3, 3, 16, 16)})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_channel_swap("data", (2, 1, 0))
    transformer.set_raw_scale("data", 255)
    transformer.set_mean("data", np.array([104.0, 117.0, 123.0]))
    transformer.set_input_scale("data", 0.017)
    for i, image in enumerate(images()):
        ready = transformer.preprocess("data", image)
        results["ready/%d" % i] = ready
        results["back/%d" % i] = transformer.deprocess("data", ready)
    mean = np.random.RandomState(4).uniform(0, 255, (3, 20, 20)).astype(np.float32)
    transformer.set_mean("data", mean)
    results["mean"] = transformer.mean["data"]
    results["ready/mean"] = transformer.preprocess("data", images()[2])
    for bad in (
        lambda: transformer.set_mean("data", np.zeros(4)),
        lambda: transformer.set_channel_swap("data", (1, 0)),
        lambda: transformer.set_transpose("data", (0, 1)),
        lambda: transformer.preprocess("label", images()[0]),
    ):
        try:
            bad()
        except Exception:
            continue
        raise AssertionError("a wrong setting was taken")
    results["oversample"] = caffe.io.oversample([image[:16, :16] for image in images()], (11, 12))


def messages(results):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    blob = caffe.io.array_to_blobproto(array, array * 2)
    results["blob"] = caffe.io.blobproto_to_array(blob)
    results["blob/diff"] = caffe.io.blobproto_to_array(blob, return_diff=True)
    text = caffe.io.arraylist_to_blobprotovector_str([array, array + 1])
    results["vector"] = np.array(caffe.io.blobprotovector_str_to_arraylist(text))
    results["vector/text"] = np.frombuffer(text, np.uint8)
    for kind in (np.uint8, np.float32):
        datum = caffe.io.array_to_datum(array.astype(kind), 7)
        results["datum/%s" % kind.__name__] = caffe.io.datum_to_array(
            caffe_pb2.Datum.FromString(datum.SerializeToString())
        )
        assert datum.label == 7


def scored(results):
    with open("scored.prototxt", "w") as f:
        f.write(NET)
    net = caffe.Net("scored.prototxt", caffe.TEST)
    random = np.random.RandomState(5)
    for name in net.params:
        for i in range(2):
            net.params[name][i].data[...] = random.standard_normal(net.params[name][i].data.shape) * 0.05
    net.save("scored.caffemodel")
    settings = {"mean": np.array([0.4, 0.5, 0.6]), "raw_scale": 255.0, "channel_swap": (2, 1, 0), "input_scale": 0.02}
    for dims in (None, (24, 20)):
        classifier = caffe.Classifier("scored.prototxt", "scored.caffemodel", image_dims=dims, **settings)
        for oversample in (True, False):
            results["classify/%s/%d" % (dims, oversample)] = classifier.predict(images(), oversample)
    # The packaged original cannot read files with its newer scikit-image, so both are given arrays.
    files = dict(("image%d" % i, image) for i, image in enumerate(images()))
    caffe.io.load_image = files.__getitem__
    detector = caffe.Detector("scored.prototxt", "scored.caffemodel", **settings)
    windows = [("image0", np.array([[2, 3, 18, 20], [0, 0, 20, 28]])), ("image1", np.array([[10, 4, 39, 23]]))]
    detections = detector.detect_windows(windows)
    assert [d["filename"] for d in detections] == ["image0", "image0", "image1"]
    results["detect"] = np.array([d["prediction"] for d in detections])
    results["detect/windows"] = np.array([d["window"] for d in detections])


def main(out):
    results = {}
    for part in (resized, transformed, messages, scored):
        part(results)
    np.savez(out, **results)


if __name__ == "__main__":
    main(sys.argv[1])
