"""Snapshots go from one engine to the other: weights, history and iteration, in both formats, for every solver."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_training
from workshop import Workshop

from caffe_torch.cli import command
from caffe_torch.files import wire
from caffe_torch.proto import caffe_pb2

KINDS = {
    "SGD": "momentum: 0.9",
    "Nesterov": "momentum: 0.9",
    "AdaGrad": "delta: 0.001",
    "RMSProp": "rms_decay: 0.95 delta: 0.001",
    "AdaDelta": "momentum: 0.95 delta: 0.0001",
    "Adam": "momentum: 0.9 momentum2: 0.99 delta: 0.001",
}


def ours(folder: Path, *flags: str) -> str:
    """The log of caffe-torch, run in this process: a new one would take seconds to import PyTorch."""
    before = os.getcwd()
    os.chdir(folder)
    log = io.StringIO()
    try:
        with contextlib.redirect_stderr(log):
            status = command.main(flags)
    finally:
        os.chdir(before)
    assert status == 0, log.getvalue()[-3000:]
    return log.getvalue()


def theirs(shop: Workshop, *flags: str) -> str:
    return shop.run("env", "-C", str(shop.inside), "caffe", *flags)


def settings(kind: str, most: int, more: str = "") -> str:
    return (
        f'type: "{kind}" base_lr: 0.05 lr_policy: "multistep" gamma: 0.5 stepvalue: 3 stepvalue: 6 weight_decay: 0.01 '
        f"{KINDS[kind]} max_iter: {most} snapshot: 4 {more}"
    )


def weights(path: Path) -> dict[str, list[np.ndarray]]:
    if path.suffix != ".h5":
        return {name: arrays for name, arrays in wire.read_net(path).items() if arrays}
    with h5py.File(path) as store:
        result = {name: [group[str(i)][()] for i in range(len(group))] for name, group in store["data"].items()}
    return {name: arrays for name, arrays in result.items() if arrays}


def agree(a: dict[str, list[np.ndarray]], b: dict[str, list[np.ndarray]]) -> None:
    assert set(a) == set(b) == set(small_training.SHAPES)
    for name in a:
        for x, y in zip(a[name], b[name]):
            np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_each_engine_goes_on_from_the_others_snapshot(kind: str) -> None:
    """The data begins anew on a resume in the original, so its file of random streams and position is put aside."""
    with Workshop() as shop:
        small_training.write(shop.path, settings(kind, 4))
        theirs(shop, "train", "-solver=solver.prototxt", "-weights=first.caffemodel")
        from_theirs = {
            name: (shop.path / name).read_bytes() for name in ("s_iter_4.caffemodel", "s_iter_4.solverstate")
        }
        ours(shop.path, "train", "--solver", "solver.prototxt", "--weights=first.caffemodel")
        agree(weights(shop.path / "s_iter_4.caffemodel"), _bytes(shop, from_theirs["s_iter_4.caffemodel"]))
        (shop.path / "s_iter_4.resume.0.json").unlink()
        (shop.path / "solver.prototxt").write_text(
            (shop.path / "solver.prototxt").read_text().replace("max_iter: 4", "max_iter: 8")
        )
        # Theirs goes on from ours, ours from theirs.
        theirs(shop, "train", "-solver", "solver.prototxt", "-snapshot", "s_iter_4.solverstate")
        there = weights(shop.path / "s_iter_8.caffemodel")
        for name, data in from_theirs.items():
            (shop.path / name).write_bytes(data)
        output = ours(shop.path, "train", "-solver=solver.prototxt", "-snapshot=s_iter_4.solverstate")
        assert "the data begins at its first record" in output
        agree(weights(shop.path / "s_iter_8.caffemodel"), there)


def _bytes(shop: Workshop, data: bytes) -> dict[str, list[np.ndarray]]:
    path = shop.path / "theirs.caffemodel"
    path.write_bytes(data)
    return weights(path)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_hdf5_snapshots_with_diffs(kind: str) -> None:
    with Workshop() as shop:
        small_training.write(shop.path, settings(kind, 4, "snapshot_format: HDF5 snapshot_diff: true"))
        files = ("s_iter_4.caffemodel.h5", "s_iter_4.solverstate.h5")
        theirs(shop, "train", "-solver=solver.prototxt", "-weights=first.caffemodel")
        contents = {}
        for name in files:
            contents[name] = _items(shop.path / name)
            (shop.path / name).rename(shop.path / f"theirs_{name}")
        ours(shop.path, "train", "-solver=solver.prototxt", "-weights=first.caffemodel")
        for name in files:  # the same groups, dataset names, shapes, types and, nearly, values
            result = _items(shop.path / name)
            assert set(result) == set(contents[name])
            for item, value in result.items():
                assert value.dtype == contents[name][item].dtype and value.shape == contents[name][item].shape, item
                if value.dtype.kind == "f":
                    np.testing.assert_allclose(value, contents[name][item], rtol=2e-4, atol=2e-5, err_msg=item)
                else:
                    assert (value == contents[name][item]).all(), item
        (shop.path / "s_iter_4.resume.0.json").unlink()
        (shop.path / "solver.prototxt").write_text(
            (shop.path / "solver.prototxt").read_text().replace("max_iter: 4", "max_iter: 8")
        )
        theirs(shop, "train", "-solver=solver.prototxt", "-snapshot=s_iter_4.solverstate.h5")
        there = weights(shop.path / "s_iter_8.caffemodel.h5")
        for name in files:
            (shop.path / f"theirs_{name}").replace(shop.path / name)
        ours(shop.path, "train", "-solver=solver.prototxt", "-snapshot=s_iter_4.solverstate.h5")
        agree(weights(shop.path / "s_iter_8.caffemodel.h5"), there)


def _items(path: Path) -> dict[str, np.ndarray]:
    result: dict[str, np.ndarray] = {}
    with h5py.File(path) as store:
        store.visititems(
            lambda name, item: (
                result.update({name: np.asarray(item[()])})
                if isinstance(item, h5py.Dataset)
                else result.update({name + "/": np.zeros(0)})
            )
        )
    return result


def test_a_binary_snapshot_with_diffs_is_read_by_the_original() -> None:
    with Workshop() as shop:
        small_training.write(shop.path, settings("SGD", 4, "snapshot_diff: true"))
        ours(shop.path, "train", "-solver=solver.prototxt", "-weights=first.caffemodel")
        mine = caffe_pb2.NetParameter.FromString((shop.path / "s_iter_4.caffemodel").read_bytes())
        theirs(shop, "train", "-solver=solver.prototxt", "-weights=first.caffemodel")
        other = caffe_pb2.NetParameter.FromString((shop.path / "s_iter_4.caffemodel").read_bytes())
        assert [layer.name for layer in mine.layer] == [layer.name for layer in other.layer]
        for a, b in zip(mine.layer, other.layer):
            assert len(a.blobs) == len(b.blobs)
            for x, y in zip(a.blobs, b.blobs):
                assert x.shape == y.shape and len(y.diff) == len(x.diff) > 0
                np.testing.assert_allclose(x.diff, y.diff, rtol=2e-4, atol=2e-5)
