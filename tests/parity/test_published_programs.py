"""Programs that others published for pycaffe run here unchanged, except for what 2to3 changes for Python 3.

They are no part of this project: MULTIWEIGHT_CAFFE_SOURCE names a checkout of BVLC Caffe's source,
MULTIWEIGHT_PUBLISHED_PROGRAMS a folder with checkouts of fcn.berkeleyvision.org and deepdream. Where the original can
run a program too, what they write must agree.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import original
import published
import pytest
import unchecked
from published_programs import convert, here, other

import caffe_torch
from caffe_torch.files import prototxt
from caffe_torch.proto import caffe_pb2

DEPLOY = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 10 dim: 3 dim: 24 dim: 24 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 6 kernel_size: 5 stride: 2 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 7 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""


def small_net(folder: Path) -> None:
    (folder / "deploy.prototxt").write_text(DEPLOY)
    caffe_torch.Net(str(folder / "deploy.prototxt"), caffe_torch.TEST).save(str(folder / "small.caffemodel"))


def test_pycaffes_own_tests(source: Path, tmp_path: Path) -> None:
    unchecked.package("six", "pycaffe's own tests")
    shutil.copytree(source / "python/caffe/test", tmp_path / "test")
    names = sorted(p.stem for p in (tmp_path / "test").glob("test_*.py"))
    names.remove("test_draw")  # it draws the whole source tree; test_draw below compares its graphs instead
    output = here(tmp_path / "test", ["-m", "unittest", *names]).stdout
    count = re.search(r"Ran (\d+) tests", output)
    assert count and int(count.group(1)) >= 50 and output.rstrip().endswith("OK"), output[-2000:]


def test_classify(source: Path, tmp_path: Path) -> None:
    small_net(tmp_path)
    np.save(tmp_path / "images.npy", np.random.RandomState(0).uniform(0, 1, (3, 20, 26, 3)).astype(np.float32))
    np.save(tmp_path / "mean.npy", np.random.RandomState(1).uniform(90, 130, (3, 24, 24)))
    program = source / "python/classify.py"
    flags = ["--model_def=deploy.prototxt", "--pretrained_model=small.caffemodel", "--mean_file=mean.npy"]
    for more in ([], ["--center_only"]):
        arguments = ["images.npy", "out.npy", "--images_dim=30,28", *flags, *more]
        here(tmp_path, [program, *arguments])
        ours = np.load(tmp_path / "out.npy")
        assert ours.shape == (3, 7)
        original.need()
        done = original.run_in(tmp_path, [program], program.name, *arguments)
        assert done.returncode == 0, done.stdout[-2000:]
        theirs = np.load(tmp_path / "out.npy")
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_detect(source: Path, tmp_path: Path) -> None:
    unchecked.package("tables", "the published detect.py")  # it writes HDF5 by pandas, which needs that
    pandas = unchecked.package("pandas", "the published detect.py")
    small_net(tmp_path)
    shutil.copy(source / "examples/images/cat.jpg", tmp_path)
    shutil.copy(source / "examples/images/fish-bike.jpg", tmp_path)
    (tmp_path / "windows.csv").write_text(
        "filename,ymin,xmin,ymax,xmax\ncat.jpg,20,30,200,220\nfish-bike.jpg,0,0,120,300\n"
    )
    flags = ["--model_def=deploy.prototxt", "--pretrained_model=small.caffemodel", "--mean_file=", "--crop_mode=list"]
    # pandas 3 takes the key of an HDF5 table by name only.
    text = (source / "python/detect.py").read_text()
    assert text.count("to_hdf(args.output_file, 'df'") == 1
    (tmp_path / "detect.py").write_text(
        text.replace("to_hdf(args.output_file, 'df'", "to_hdf(args.output_file, key='df'")
    )
    here(tmp_path, ["detect.py", "windows.csv", "out.h5", *flags, "--context_pad=4"])
    result = pandas.read_hdf(tmp_path / "out.h5", "df")
    assert list(result.index) == ["cat.jpg", "fish-bike.jpg"]
    assert all(abs(row.sum() - 1) < 1e-5 for row in result["prediction"])


def test_draw(source: Path, tmp_path: Path) -> None:
    """draw_net.py writes a picture; for every published net the graph is the one of the published draw.py."""
    unchecked.package("pydot", "the published draw_net.py")
    unchecked.program("dot", "the published draw_net.py", "apt-get install graphviz")
    net = source / "examples/mnist/lenet_train_test.prototxt"
    here(tmp_path, [source / "python/draw_net.py", net, "out.png", "--phase=TRAIN", "--display_lrm"])
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    shutil.copy(source / "python/caffe/draw.py", tmp_path / "published_draw.py")
    (tmp_path / "compare.py").write_text(
        "import sys, published_draw\n"
        "from caffe import draw\n"
        "from caffe.proto import caffe_pb2\n"
        "from google.protobuf import text_format\n"
        "for path in sys.argv[1:]:\n"
        "    net = text_format.Parse(open(path).read(), caffe_pb2.NetParameter())\n"
        "    for args in (('LR', True, None, False), ('TB', False, 0, True), ('BT', True, 1, True)):\n"
        "        theirs, ours = (m.get_pydot_graph(net, *args).to_string() for m in (published_draw, draw))\n"
        "        assert ours == theirs, (path, args)\n"
        "    print(path)\n"
    )
    nets = sorted({source / case.path for case in published.NETS})
    assert len(here(tmp_path, ["compare.py", *nets]).stdout.splitlines()) == len(nets) > 20


def same_nets(ours: Path, theirs: Path) -> None:
    """Two .prototxt hold the same net, and not an empty one."""
    read = [prototxt.parse(p.read_text(), caffe_pb2.NetParameter(), str(p)) for p in (ours, theirs)]
    assert read[0] == read[1] and len(read[0].layer) > 5


def test_caffenet_by_net_spec(source: Path, tmp_path: Path) -> None:
    program = source / "examples/pycaffe/caffenet.py"
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    here(tmp_path / "ours", [program])
    original.need()
    done = original.run_in(tmp_path / "theirs", [program], program.name)
    assert done.returncode == 0, done.stdout[-2000:]
    for name in ("train.prototxt", "test.prototxt"):
        same_nets(tmp_path / "ours" / name, tmp_path / "theirs" / name)


def test_linear_regression_with_the_published_loss_layer(source: Path, tmp_path: Path) -> None:
    shutil.copy(source / "examples/pycaffe/layers/pyloss.py", tmp_path)
    shutil.copy(source / "examples/pycaffe/linreg.prototxt", tmp_path)
    (tmp_path / "regress.py").write_text(
        "import caffe, sys\n"
        "import numpy as np\n"
        "net = caffe.Net('linreg.prototxt', caffe.TRAIN)\n"
        "for name in net.params:\n"
        "    for i, blob in enumerate(net.params[name]):\n"
        "        blob.data[...] = np.random.RandomState(i).standard_normal(blob.data.shape)\n"
        "for i, name in enumerate(net.top_names['x'] + net.top_names['y']):\n"
        "    net.blobs[name].data[...] = np.random.RandomState(9 + i).standard_normal(net.blobs[name].data.shape)\n"
        "net.forward(start='ipx')\n"
        "net.backward()\n"
        "diffs = [np.ravel(b.diff) for name in net.params for b in net.params[name]]\n"
        "np.save(sys.argv[1], np.concatenate([np.ravel(net.blobs['loss'].data)] + diffs))\n"
    )
    here(tmp_path, ["regress.py", "ours.npy"])
    original.need()
    done = original.run_in(tmp_path, [], "regress.py", "theirs.npy")
    assert done.returncode == 0, done.stdout[-2000:]
    ours, theirs = np.load(tmp_path / "ours.npy"), np.load(tmp_path / "theirs.npy")
    assert len(ours) > 5 and np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_summarize(source: Path, tmp_path: Path) -> None:
    program = convert(source / "tools/extra/summarize.py", tmp_path / "summarize.py")
    net = source / "models/bvlc_googlenet/train_val.prototxt"
    shutil.copy(net, tmp_path / "net.prototxt")
    ours = here(tmp_path, [program, "net.prototxt"]).stdout
    assert "inception_5b" in ours
    original.need()
    # The program relies on a module that newer protobufs import by themselves.
    run = (
        "import google.protobuf.text_format, runpy, sys; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], None, '__main__')"
    )
    theirs = original.run_in(tmp_path, [], "-c", run, "summarize.py", "net.prototxt")
    assert theirs.returncode == 0, theirs.stdout[-2000:]
    assert ours == theirs.stdout


FCN_NETS = [
    "voc-fcn32s",
    "voc-fcn16s",
    "voc-fcn8s",
    "voc-fcn-alexnet",
    "siftflow-fcn8s",
    "nyud-fcn32s-color-hha",
    "pascalcontext-fcn8s",
]


@pytest.mark.parametrize("name", FCN_NETS)
def test_fully_convolutional_nets(name: str, tmp_path: Path) -> None:
    program = other("fcn.berkeleyvision.org") / name / "net.py"
    for folder in ("ours", "theirs"):
        convert(program, tmp_path / folder / "net.py")
    here(tmp_path / "ours", ["net.py"])
    prototxts = sorted((tmp_path / "ours").glob("*.prototxt"))
    assert prototxts
    original.need()
    done = original.run_in(tmp_path / "theirs", [], "net.py")
    assert done.returncode == 0, done.stdout[-2000:]
    for path in prototxts:
        same_nets(path, tmp_path / "theirs" / path.name)


FCN_DRIVER = """
import sys
import numpy as np
import caffe, surgery, score
np.random.seed(0)
net = caffe.Net('net.prototxt', caffe.TEST)
for i in range(2):
    net.params['fc'][i].data[...] = np.random.standard_normal(net.params['fc'][i].data.shape) * 0.05
surgery.interp(net, ['up'])
hist = score.do_seg_tests(net, 3, None, ['a', 'b'])
other = caffe.Net('net.prototxt', caffe.TEST)
surgery.transplant(other, net)
assert (other.params['fc'][0].data == net.params['fc'][0].data).all()
np.savez(sys.argv[1], hist=hist, up=net.params['up'][0].data, score=net.blobs['score'].data)
"""
FCN_NET = """
layer { name: "data" type: "Python" top: "data" top: "label"
        python_param { module: "voc_layers" layer: "VOCSegDataLayer"
        param_str: "{'voc_dir': 'VOC', 'split': 'val', 'mean': (104.0, 116.0, 122.0)}" } }
layer { name: "fc" type: "Convolution" bottom: "data" top: "fc"
        convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 2 } }
layer { name: "up" type: "Deconvolution" bottom: "fc" top: "up"
        convolution_param { num_output: 4 kernel_size: 4 stride: 2 bias_term: false } }
layer { name: "score" type: "Crop" bottom: "up" bottom: "data" top: "score" crop_param { axis: 2 offset: 1 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss"
        loss_param { normalize: false ignore_label: 255 } }
"""


def test_fully_convolutional_surgery_scoring_and_data_layer(tmp_path: Path) -> None:
    image = unchecked.package("PIL.Image", "the published fully convolutional nets")
    folder = other("fcn.berkeleyvision.org")
    for name in ("surgery.py", "score.py", "voc_layers.py"):
        convert(folder / name, tmp_path / name)
    random = np.random.default_rng(0)
    for part in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (tmp_path / "VOC" / part).mkdir(parents=True)
    (tmp_path / "VOC/ImageSets/Segmentation/val.txt").write_text("a\nb\n")
    for name, size in (("a", (21, 30)), ("b", (17, 14))):
        image.fromarray(np.full((*size, 3), random.integers(0, 255, 3), np.uint8)).save(
            tmp_path / f"VOC/JPEGImages/{name}.jpg"
        )
        image.fromarray(random.integers(0, 4, size).astype(np.uint8)).save(
            tmp_path / f"VOC/SegmentationClass/{name}.png"
        )
    (tmp_path / "net.prototxt").write_text(FCN_NET)
    (tmp_path / "driver.py").write_text(FCN_DRIVER)
    here(tmp_path, ["driver.py", "ours.npz"])
    original.need()
    done = original.run_in(tmp_path, [], "driver.py", "theirs.npz")
    assert done.returncode == 0, done.stdout[-2000:]
    with np.load(tmp_path / "ours.npz") as ours, np.load(tmp_path / "theirs.npz") as theirs:
        np.testing.assert_array_equal(ours["hist"], theirs["hist"])
        np.testing.assert_array_equal(ours["up"], theirs["up"])
        np.testing.assert_allclose(ours["score"], theirs["score"], rtol=1e-3, atol=1e-2)
