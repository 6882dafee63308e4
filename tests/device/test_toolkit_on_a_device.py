"""Features, labels of a photo and retrieval in GPU mode, on the emulated accelerator, against the CPU."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from devices import on_the_device

import caffe_torch as caffe
from multiweight.base import engine
from multiweight.features import extraction
from multiweight.query import annotation
from multiweight.retrieval import matmul
from multiweight.retrieval.nearest import top_k

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "multiweight"), str(TESTS / "tools")]
from test_photo_tools import shop  # noqa: E402, F401  (a fixture)

import tiny_features as features  # noqa: E402


def test_the_gpu_that_is_asked_for_is_torch_s_accelerator():
    assert engine.use_device(caffe, "") == "cpu"
    with on_the_device():
        assert engine.use_device(caffe, "") == "gpu 0"
        assert engine.use_device(caffe, "0") == "gpu 0"
        with pytest.raises(engine.UserError, match=r"GPU=1: this machine has 1 GPU\(s\).*GPU=none"):
            engine.use_device(caffe, "1")


def test_features(tmp_path):
    case = features.make_case(caffe, tmp_path)
    with on_the_device() as counts:
        assert features.run(caffe, case)
        assert counts.kernels_of() > 0
    result = extraction.load(case.output)
    np.testing.assert_allclose(result.values, features.expected(case), rtol=1e-5, atol=1e-5)


def test_labels_of_a_photo(shop, tmp_path):  # noqa: F811
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8))
    run = next(part for part in shop if hasattr(part, "deploy"))
    expected = annotation.Annotator(caffe, run).outputs(photo)
    with on_the_device() as counts:
        result = annotation.Annotator(caffe, run).outputs(photo)
        assert counts.kernels_of() > 0
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours(metric):
    x = np.maximum(np.random.default_rng(2).standard_normal((300, 24)), 0).astype(np.float32)
    expected = top_k(x, 7, metric, device="cpu")
    with on_the_device() as counts:
        assert matmul.available(24)[0].name == "bfloat16 on emulated"
        result = top_k(x, 7, metric)
        assert counts.kernels_of() > 0
    for ours, theirs in zip(result, expected):
        np.testing.assert_array_equal(ours, theirs)
