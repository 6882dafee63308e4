"""Caffe's own programs and notebooks that train or classify run here; see test_published_programs.py."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import lmdb
import numpy as np
import original
import pytest
import unchecked
from published_programs import here, notebook, python3, random_weights

import caffe_torch
from caffe_torch.proto import caffe_pb2

REGRESSION = """
layer {{ name: "data" type: "Data" top: "data" top: "label"
        data_param {{ source: "db" backend: LMDB batch_size: {batch} }} transform_param {{ scale: 0.01 }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param {{ num_output: 3 }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }}
"""


@pytest.mark.parametrize("more", [[], ["--timing"]], ids=["plain", "timing"])
def test_train_py_with_two_processes(source: Path, tmp_path: Path, more: list[str]) -> None:
    """Byte for byte the published file: two processes learn what one learns with twice the batch."""
    random = np.random.default_rng(0)
    with lmdb.open(str(tmp_path / "db"), map_size=2**24) as env, env.begin(write=True) as txn:
        for i in range(64):
            datum = caffe_torch.io.array_to_datum(random.integers(0, 255, (1, 2, 2), dtype=np.uint8), i % 3)
            txn.put(b"%08d" % i, datum.SerializeToString())
    learnt = []
    for batch, gpus in ((8, ["0"]), (4, ["0", "1"])):
        (tmp_path / "net.prototxt").write_text(REGRESSION.format(batch=batch))
        (tmp_path / "solver.prototxt").write_text(
            'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" momentum: 0.9 max_iter: 10 display: 5 '
            f'snapshot: 10 snapshot_prefix: "of_{batch}"'
        )
        here(tmp_path, [source / "python/train.py", "--solver", "solver.prototxt", "--gpus", *gpus, *more])
        net = caffe_pb2.NetParameter()
        net.ParseFromString((tmp_path / f"of_{batch}_iter_10.caffemodel").read_bytes())
        learnt.append(np.array(next(layer for layer in net.layer if layer.name == "fc").blobs[0].data))
    assert np.abs(learnt[0]).max() > 0.01
    np.testing.assert_allclose(learnt[1], learnt[0], rtol=1e-4, atol=1e-6)


def test_brewing_logistic_regression_notebook(source: Path, tmp_path: Path) -> None:
    """HDF5 data, NetSpec and solve(); scikit-learn's own fit, whose arguments it has renamed, is left out."""
    for name in ("sklearn", "pandas", "matplotlib", "scipy"):
        unchecked.package(name, "the published notebook on logistic regression")
    (tmp_path / "examples/hdf5_classification").mkdir(parents=True)
    text = notebook(source / "examples/brewing-logreg.ipynb", [0, 1, 3, 4, 5, 6, 8, 9])
    (tmp_path / "examples/brewing.py").write_text(python3(text, "brewing"))
    output = here(tmp_path / "examples", ["brewing.py"]).stdout
    linear, nonlinear = map(float, re.findall(r"^Accuracy: (.*)$", output, re.MULTILINE))
    assert linear > 0.7 and nonlinear > linear + 0.02, output[-1000:]


def test_classification_notebook(source: Path, tmp_path: Path) -> None:
    """CaffeNet with random weights on the cat: the same probabilities as the original's."""
    unchecked.package("matplotlib", "the published notebook on classification")
    for name in ("models/bvlc_reference_caffenet", "python/caffe/imagenet", "examples/images"):
        shutil.copytree(source / name, tmp_path / name)
    (tmp_path / "data/ilsvrc12").mkdir(parents=True)
    (tmp_path / "data/ilsvrc12/synset_words.txt").write_text("".join(f"n{i:08} thing {i}\n" for i in range(1000)))
    model = tmp_path / "models/bvlc_reference_caffenet"
    random_weights(model / "deploy.prototxt", model / "bvlc_reference_caffenet.caffemodel")
    text = python3(notebook(source / "examples/00-classification.ipynb", range(20)), "classification")
    end = "\nnp.savez('seen.npz', data=transformed_image, fc8=net.blobs['fc8'].data[0], prob=output_prob)\n"
    (tmp_path / "examples/classification.py").write_text(text + end)
    output = here(tmp_path / "examples", ["classification.py"]).stdout
    with np.load(tmp_path / "examples/seen.npz") as arrays:
        assert f"predicted class is: {arrays['prob'].argmax()}\n" in output
        assert f"output label: n{arrays['prob'].argmax():08} thing" in output
        assert "conv5\t(50, 256, 13, 13)" in output
        original.need()
        (tmp_path / "there").mkdir()
        np.save(tmp_path / "there/data.npy", arrays["data"])
        (tmp_path / "there/forward.py").write_text(
            "import caffe, numpy as np\n"
            "net = caffe.Net('deploy.prototxt', 'bvlc_reference_caffenet.caffemodel', caffe.TEST)\n"
            "net.blobs['data'].reshape(1, 3, 227, 227)\n"
            "net.blobs['data'].data[...] = np.load('data.npy')\n"
            "net.forward()\n"
            "np.save('fc8.npy', net.blobs['fc8'].data[0])\n"
        )
        files = [model / "deploy.prototxt", model / "bvlc_reference_caffenet.caffemodel"]
        done = original.run_in(tmp_path / "there", files, "forward.py")
        assert done.returncode == 0, done.stdout[-2000:]
        theirs = np.load(tmp_path / "there/fc8.npy")
        assert np.abs(arrays["fc8"] - theirs).max() <= 1e-4 * np.abs(theirs).max()
    for big in tmp_path.rglob("*.caffemodel"):
        big.unlink()


#: What newer versions of SciPy and NumPy no longer have, and the seed, for programs that were written for the old.
OLD_NAMES = """
import sys, types
import numpy as np
import scipy, scipy.sparse
from PIL import Image
np.int = int
try:
    import scipy.misc
except ImportError:
    scipy.misc = sys.modules["scipy.misc"] = types.ModuleType("scipy.misc")
scipy.misc.imresize = lambda image, size: np.asarray(Image.fromarray(image).resize(size[:2][::-1], Image.BILINEAR))
try:
    import skimage.io
except ImportError:  # the data layer only imports it
    sys.modules["skimage"] = sys.modules["skimage.io"] = types.ModuleType("skimage")
    sys.modules["skimage"].io = sys.modules["skimage.io"]
np.random.seed(0)
"""
ANNOTATION = """<annotation>{}</annotation>"""
OBJECT = "<object><name>{}</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"


def test_multilabel_notebook_with_its_python_data_layer(source: Path, tmp_path: Path) -> None:
    """CaffeNet with 20 sigmoid outputs, fed by the published Python layer: both see the same batch.

    Batches of 4 in place of 128, one step in place of 600.
    """
    image = unchecked.package("PIL.Image", "the published layer for PASCAL")
    for name in ("matplotlib", "scipy"):
        unchecked.package(name, "the published layer for PASCAL")
    pascal = tmp_path / "data/pascal/VOC2012"
    for part in ("ImageSets/Main", "JPEGImages", "Annotations"):
        (pascal / part).mkdir(parents=True)
    random = np.random.default_rng(0)
    for i, names in enumerate((["cat"], ["dog", "person"], ["car"], ["tvmonitor", "chair", "chair"], ["boat"])):
        pixels = random.integers(0, 255, (30 + i, 40, 3), dtype=np.uint8)
        image.fromarray(pixels).save(pascal / f"JPEGImages/{i}.jpg")
        objects = "".join(map(OBJECT.format, names))
        (pascal / f"Annotations/{i}.xml").write_text(ANNOTATION.format(objects))
    for split in ("train", "val"):
        (pascal / f"ImageSets/Main/{split}.txt").write_text("0\n1\n2\n3\n4\n")
    model = tmp_path / "models/bvlc_reference_caffenet"
    shutil.copytree(source / "models/bvlc_reference_caffenet", model)
    random_weights(model / "deploy.prototxt", model / "bvlc_reference_caffenet.caffemodel")
    examples = tmp_path / "examples"
    (examples / "pycaffe/layers").mkdir(parents=True)
    for name in ("tools.py", "layers/pascal_multilabel_datalayers.py"):
        text = (source / "examples/pycaffe" / name).read_text()
        (examples / "pycaffe" / name).write_text(python3(text, name))
    text = python3(notebook(source / "examples/pascal-multilabel-with-datalayer.ipynb", [0, 1, 2, 3, 4, 6]), "pascal")
    assert text.count("batch_size = 128") == 2 + 1
    text = text.replace("batch_size = 128", "batch_size = 4")
    # The step draws Dropout masks, which differ between engines: what the test net makes of its batch is kept before.
    assert text.count("solver.step(1)") == 1
    keep = "fc7 = (solver.test_nets[0].forward(), solver.test_nets[0].blobs['fc7'].data.copy())[1]"
    text = text.replace("solver.step(1)", f"{keep}\nsolver.step(1)")
    end = """
accuracy = check_accuracy(solver.test_nets[0], 1, 4)
seen = solver.net.blobs
np.savez(sys.argv[1], data=seen['data'].data, label=seen['label'].data, accuracy=accuracy,
         conv5=seen['conv5'].data, fc7=fc7, score=solver.test_nets[0].blobs['score'].data)
"""
    (examples / "pascal.py").write_text(OLD_NAMES + text + end)
    here(examples, ["pascal.py", "ours.npz"])
    original.need()
    # The original cannot be asked for a GPU, and may not have matplotlib.
    theirs = OLD_NAMES + "m = sys.modules['matplotlib'] = types.ModuleType('matplotlib')\n"
    theirs += "m.pyplot = sys.modules['matplotlib.pyplot'] = types.SimpleNamespace(rcParams={})\n"
    theirs += text.replace("caffe.set_mode_gpu()", "caffe.set_mode_cpu()").replace("caffe.set_device(0)", "pass") + end
    (tmp_path / "theirs.py").write_text("import os; os.chdir('examples')\n" + theirs)
    done = original.run_in(tmp_path, [], "theirs.py", "theirs.npz")
    assert done.returncode == 0, done.stdout[-2000:]
    with np.load(examples / "ours.npz") as ours, np.load(examples / "theirs.npz") as expected:
        assert ours["label"].sum(axis=1).tolist() == [1, 2, 1, 2]
        np.testing.assert_array_equal(ours["label"], expected["label"])
        # Two versions of Pillow may differ by a level.
        assert np.abs(ours["data"] - expected["data"]).max() <= 1
        for name in ("conv5", "fc7"):
            assert np.abs(ours[name] - expected[name]).max() <= 0.01 * np.abs(expected[name]).max(), name
        assert ours["score"].shape == (4, 20) and np.isfinite(ours["score"]).all() and ours["score"].any()
        assert 0 <= ours["accuracy"] <= 1
    for big in tmp_path.rglob("*.caffemodel"):
        big.unlink()
