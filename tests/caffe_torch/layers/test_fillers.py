"""Fillers: ranges, deviations, seeds, refusals."""

import numpy as np
import pytest
import torch
from google.protobuf import text_format

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.layers.fillers import fill
from caffe_torch.proto import caffe_pb2


def filled(text: str, *shape: int, seed: int = 0) -> np.ndarray:
    torch.manual_seed(seed)
    blob = Blob(*shape)
    fill(blob, text_format.Parse(text, caffe_pb2.FillerParameter()))
    return blob.data


def test_constant_is_the_default() -> None:
    assert not filled("", 2, 3).any() and (filled("value: 0.1", 2) == np.float32(0.1)).all()


@pytest.mark.parametrize(
    "text, deviation",
    [
        ('type: "gaussian" std: 0.01', 0.01),
        ('type: "uniform" min: -1 max: 1', 1 / np.sqrt(3)),
        ('type: "xavier"', np.sqrt(1 / 90)),
        ('type: "xavier" variance_norm: FAN_OUT', np.sqrt(1 / 900)),
        ('type: "xavier" variance_norm: AVERAGE', np.sqrt(2 / 990)),
        ('type: "msra"', np.sqrt(2 / 90)),
        ('type: "msra" variance_norm: FAN_OUT', np.sqrt(2 / 900)),
    ],
)
def test_deviation(text: str, deviation: float) -> None:
    values = filled(text, 100, 10, 3, 3)
    assert values.std() == pytest.approx(deviation, rel=0.03) and abs(values.mean()) < 0.05 * deviation


def test_sparse_keeps_some_inputs() -> None:
    assert (filled('type: "gaussian" sparse: 15', 100, 200) != 0).mean() == pytest.approx(0.15, abs=0.01)


def test_positive_unitball_rows_sum_to_one() -> None:
    values = filled('type: "positive_unitball"', 4, 5, 2)
    assert (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=(1, 2)), 1, rtol=1e-6)


def test_bilinear_is_a_pyramid() -> None:
    np.testing.assert_allclose(filled('type: "bilinear"', 1, 1, 4, 4)[0, 0, 1], np.array([3, 9, 9, 3]) / 16)


def test_a_seed_gives_the_same_weights() -> None:
    text = 'type: "gaussian"'
    assert (filled(text, 9, seed=3) == filled(text, 9, seed=3)).all() and (
        filled(text, 9) != filled(text, 9, seed=1)
    ).any()


@pytest.mark.parametrize(
    "text, shape, message",
    [
        ('type: "orthogonal"', (2,), "unknown filler type 'orthogonal'.*xavier"),
        ('type: "uniform" sparse: 1', (2,), "gaussian only"),
        ('type: "uniform" min: 2 max: 1', (2,), "above max"),
        ('type: "gaussian" std: -1', (2,), "std must be 0 or more, found -1"),
        ('type: "gaussian" sparse: 3', (2, 9), "sparse is 3, above the 2 outputs"),
        ('type: "bilinear"', (2, 2), "4-d"),
        ('type: "constant"', (0,), "empty"),
    ],
)
def test_refuses(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(CaffeError, match=message):
        filled(text, *shape)
