"""Labels of -1, packed as float_data: both forms of the loss leave them out alike, in both engines."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import original

from multiweight.base import engine
from multiweight.pack.reader import label_datum
from multiweight.pack.writer import LmdbWriter

SIZES, GAMMA = [3, 1, 4], [1.0, 0.25, 0.0002]
SCRIPT = Path(__file__).with_name("unknown_labels.py")


def labels_lmdb(path):
    labels = np.random.RandomState(1).choice([-1, 0, 1], (8, sum(SIZES))).astype(np.int8)
    labels[2] = -1
    datum = engine.messages("torch").Datum
    writer = LmdbWriter(path)
    writer.put([(b"%08d" % n, label_datum(datum, row).SerializeToString()) for n, row in enumerate(labels)])
    writer.finish()
    return labels


def run(command, labels, out, path, module=""):
    arguments = [str(labels), json.dumps(SIZES), json.dumps(GAMMA), str(out), *filter(None, [module])]
    environment = {**os.environ, "PYTHONPATH": str(path), "GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def check(results, labels):
    assert np.array_equal(results["labels"].reshape(labels.shape), labels)
    np.testing.assert_allclose(results["python_losses"], results["builtin_losses"], rtol=5e-5)
    np.testing.assert_allclose(results["python_gradient"], results["builtin_gradient"], rtol=0, atol=2e-6)
    # Eq. (1) to (4) over the known labels, by hand.
    random = np.random.RandomState(3)
    x = random.standard_normal((8, 5)).astype(np.float32).astype(float)
    score = x @ random.standard_normal((8, 5)).astype(np.float32).astype(float).T
    known, p = labels >= 0, np.maximum(labels, 0)
    cell = np.where(known, np.logaddexp(0, score) - score * p, 0)
    edges = np.cumsum([0, *SIZES])
    expected = [cell[:, a:b].sum() / 8 for a, b in zip(edges, edges[1:])]
    np.testing.assert_allclose(results["python_losses"], expected, rtol=5e-5)
    error = np.where(known, 1 / (1 + np.exp(-score)) - p, 0) * np.repeat(GAMMA, SIZES) / 8
    np.testing.assert_allclose(results["builtin_gradient"], error.T @ x, rtol=0, atol=2e-6)


def test_this_engine(tmp_path):
    labels = labels_lmdb(tmp_path / "labels_lmdb")
    command = [sys.executable, str(SCRIPT)]
    run(command, tmp_path / "labels_lmdb", tmp_path / "out.npz", original.REPOSITORY / "python", "caffe_torch")
    check(np.load(tmp_path / "out.npz"), labels)


def test_the_original():
    command, root, _ = original.need()
    shared = Path(tempfile.mkdtemp(prefix="unknown-", dir=root / "tmp"))
    try:
        inside = Path("/") / shared.relative_to(root)
        labels = labels_lmdb(shared / "labels_lmdb")
        shutil.copy(SCRIPT, shared)
        package = original.REPOSITORY / "python" / "multiweight"
        shutil.copytree(package / "layers", shared / "multiweight" / "layers")
        shutil.copy(package / "__init__.py", shared / "multiweight")
        run([*command, str(inside / SCRIPT.name)], inside / "labels_lmdb", inside / "out.npz", inside)
        check(np.load(shared / "out.npz"), labels)
    finally:
        shutil.rmtree(shared, ignore_errors=True)
