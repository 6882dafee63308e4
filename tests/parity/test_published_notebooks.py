"""Published notebooks, cell after cell as programs; see test_published_programs.py."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import lmdb
import numpy as np
import pytest
import unchecked
from published_programs import here, notebook, other, python3, random_weights

import caffe_torch


def test_net_surgery_notebook(source: Path, tmp_path: Path) -> None:
    """CaffeNet's dense layers become convolutions, with random weights in place of the trained ones."""
    examples = tmp_path / "examples"
    for name in ("examples/net_surgery", "examples/images", "models/bvlc_reference_caffenet", "python/caffe/imagenet"):
        shutil.copytree(source / name, tmp_path / name)
    model = tmp_path / "models/bvlc_reference_caffenet"
    random_weights(model / "deploy.prototxt", model / "bvlc_reference_caffenet.caffemodel")
    (examples / "surgery.py").write_text(python3(notebook(source / "examples/net_surgery.ipynb"), "net_surgery"))
    output = here(examples, ["surgery.py"]).stdout
    assert "fc6-conv weights are (4096, 256, 6, 6) dimensional" in output
    before, after = (float(re.search(f"{w}-surgery output mean (.*)", output).group(1)) for w in ("pre", "post"))  # type: ignore[union-attr]
    assert after == pytest.approx(before + 1, abs=0.011)
    assert (examples / "net_surgery/bvlc_caffenet_full_conv.caffemodel").stat().st_size > 2e8
    for big in (*tmp_path.rglob("*.caffemodel"),):
        big.unlink()


def test_learning_lenet_notebook(source: Path, tmp_path: Path) -> None:
    """LeNet by NetSpec, trained step by step on ten drawn digits' worth of noise."""
    examples = tmp_path / "examples"
    (examples / "mnist").mkdir(parents=True)
    shutil.copy(source / "examples/mnist/lenet_auto_solver.prototxt", examples / "mnist")
    shapes = np.random.default_rng(0).uniform(0, 1, (10, 28, 28)) > 0.6
    for name, seed in (("train", 1), ("test", 2)):
        random = np.random.default_rng(seed)
        with lmdb.open(str(examples / f"mnist/mnist_{name}_lmdb"), map_size=2**26) as env, env.begin(write=True) as txn:
            for i in range(600):
                label = int(random.integers(10))
                image = np.clip(shapes[label] * 150 + random.normal(0, 40, (28, 28)), 0, 255).astype(np.uint8)
                datum = caffe_torch.io.array_to_datum(image[None], label)
                txn.put(b"%08d" % i, datum.SerializeToString())
    text = python3(notebook(source / "examples/01-learning-lenet.ipynb"), "learning_lenet")
    # What 2to3 does not see: a division that was one of integers.
    assert text.count("test_interval = niter / 10") == 1
    text = text.replace("test_interval = niter / 10", "test_interval = niter // 10")
    (examples / "lenet.py").write_text(text + "\nprint('custom', test_acc[-1])\n")
    output = here(examples, ["lenet.py"]).stdout
    assert float(output.rpartition("custom ")[2]) > 0.9, output[-2000:]


def test_deep_dream_notebook(source: Path, tmp_path: Path) -> None:
    """The published GoogLeNet with random weights dreams at two layers, and guided; its 100 frames are left out."""
    image = unchecked.package("PIL.Image", "the Deep Dream notebook")
    unchecked.package("scipy", "the Deep Dream notebook")
    dream = other("deepdream") / "dream.ipynb"
    model = tmp_path / "caffe/models/bvlc_googlenet"
    work = tmp_path / "work"
    (work / "IPython").mkdir(parents=True)
    (work / "IPython/__init__.py").write_text("")
    (work / "IPython/display.py").write_text(  # what a notebook shows is of no use here
        "def clear_output(wait=False): pass\n"
        "def Image(data): return data\n"
        "def display(data): assert data[:2] == b'\\xff\\xd8'\n"
    )
    shutil.copytree(source / "models/bvlc_googlenet", model)
    random_weights(model / "deploy.prototxt", model / "bvlc_googlenet.caffemodel")
    random = np.random.default_rng(0)
    for name, size in (("sky1024px.jpg", (64, 96)), ("flowers.jpg", (64, 64))):
        image.fromarray(random.integers(0, 255, (*size, 3), dtype=np.uint8)).save(work / name)
    first, guided = (notebook(dream, cells) for cells in (slice(0, 7), slice(11, 15)))
    text = python3(first + guided, "dream")
    # Python 3 keeps text and bytes apart, which 2to3 cannot know of this buffer.
    text = text.replace("from io import StringIO", "from io import BytesIO as StringIO")
    (work / "dream.py").write_text(text + "\nnp.save('dreamt.npy', _)\n")
    here(work, ["dream.py"])
    dreamt = np.load(work / "dreamt.npy")
    assert dreamt.shape == (64, 96, 3) and np.isfinite(dreamt).all() and dreamt.std() > 10
