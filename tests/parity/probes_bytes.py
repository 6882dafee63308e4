"""Experiments on numbers that are none in records, and on paths that are not UTF-8. Each gives arrays by name.

NumPy and a caffe only, in either engine; the files of test_corners.py lie in ../files.
"""

from __future__ import annotations

import os
import shutil

import numpy as np
from probes import net_of, outputs

#: A word for a folder and a file, as Chinese and Western European editors save it.
GBK, LATIN = b"\xca\xfd\xbe\xdd", b"Gr\xf6\xdfe"


def not_numbers(caffe):
    """Datums whose float_data hold NaN and infinities."""
    text = """layer { name: "d" type: "Data" top: "x" top: "l"
        data_param { source: "../files/nan_lmdb" batch_size: 2 backend: LMDB } }"""
    return outputs(net_of(caffe, text))


def _placed(word, name):
    """A copy of ../files/NAME in a folder called ``word``, as bytes."""
    os.makedirs(word, exist_ok=True)
    path = word + b"/" + word + os.path.splitext(name)[1].encode()
    shutil.copy(b"../files/" + name.encode(), path)
    return path


def _forward(caffe, text):
    """A net whose text is these bytes."""
    with open("bytes.prototxt", "wb") as file:
        file.write(text)
    return outputs(caffe.Net("bytes.prototxt", caffe.TEST))


def _image_list(caffe, word):
    path = _placed(word, "small.png")
    with open(word + b"/list.txt", "wb") as file:
        file.write(path + b" 1\n" + path + b" 2\n")
    text = b"""layer { name: "d" type: "ImageData" top: "x" top: "l"
        image_data_param { source: "%s/list.txt" batch_size: 2 } }"""
    return _forward(caffe, text % word)


def _hdf5_list(caffe, word):
    path = _placed(word, "small.h5")
    with open(word + b"/files.txt", "wb") as file:
        file.write(path + b"\n")
    text = b'layer { name: "d" type: "HDF5Data" top: "x" hdf5_data_param { source: "%s/files.txt" batch_size: 2 } }'
    return _forward(caffe, text % word)


def _solver(caffe, word):
    """A solver that names its net and its snapshots by the word."""
    os.makedirs(word, exist_ok=True)
    with open(word + b"/net.prototxt", "wb") as file:
        file.write(b"""layer { name: "x" type: "DummyData" top: "x"
        dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 1 } } }
        layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param { num_output: 1 } }
        layer { name: "t" type: "Reduction" bottom: "fc" top: "t" loss_weight: 1 }""")
    with open("bytes_solver.prototxt", "wb") as file:
        file.write(
            b'net: "%s/net.prototxt" base_lr: 1 lr_policy: "fixed" snapshot: 1 snapshot_prefix: "%s/s"' % (word, word)
        )
    solver = caffe.get_solver("bytes_solver.prototxt")
    solver.step(1)
    solver.snapshot()
    names = sorted(name for name in os.listdir(word) if name.endswith((b".caffemodel", b".solverstate")))
    return {"files": np.array([list(name[:8]) for name in names]), "weight": solver.net.params["fc"][0].data.copy()}


def gbk_image_list(caffe):
    """Paths in GBK, in a net and in an image list."""
    return _image_list(caffe, GBK)


def latin_image_list(caffe):
    """Paths in Latin-1, in a net and in an image list."""
    return _image_list(caffe, LATIN)


def gbk_hdf5_list(caffe):
    """Paths in GBK, in a net and in a list of HDF5 files."""
    return _hdf5_list(caffe, GBK)


def latin_hdf5_list(caffe):
    """Paths in Latin-1, in a net and in a list of HDF5 files."""
    return _hdf5_list(caffe, LATIN)


def gbk_solver(caffe):
    """Paths in GBK, in a solver."""
    return _solver(caffe, GBK)


def latin_solver(caffe):
    """Paths in Latin-1, in a solver."""
    return _solver(caffe, LATIN)
