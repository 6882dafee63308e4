"""Data: records in key order, crops, mirror, mean and scale; broken databases are named."""

import lmdb
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch import CaffeError
from caffe_torch.input import prefetch
from caffe_torch.proto import caffe_pb2

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 6, 6), dtype=np.uint8)


def database(path, images=IMAGES, spoil=None):
    with lmdb.open(str(path), map_size=1 << 22) as store, store.begin(write=True) as writer:
        for i, image in enumerate(images):
            _, height, width = image.shape
            datum = caffe_pb2.Datum(channels=3, height=height, width=width, data=image.tobytes(), label=i)
            writer.put(b"%08d" % i, spoil if spoil and i == 3 else datum.SerializeToString())
    return path


def net(tmp_path, transform="", phase=caffe.TEST, batch=2):
    source = tmp_path / "db"
    if not source.exists():
        database(source)
    (tmp_path / "n.prototxt").write_text(
        f'layer {{ name: "d" type: "Data" top: "d" top: "l" transform_param {{ {transform} }} '
        f'data_param {{ source: "{source}" backend: LMDB batch_size: {batch} }} }}'
    )
    return caffe.Net(str(tmp_path / "n.prototxt"), phase)


def test_records_come_in_order_and_begin_again(tmp_path):
    n = net(tmp_path)
    labels = []
    for _ in range(3):
        n.forward()
        labels += n.blobs["l"].data.astype(int).tolist()
    assert labels == [0, 1, 2, 3, 4, 0]
    np.testing.assert_array_equal(n.blobs["d"].data, IMAGES[[4, 0]])


def test_test_phase_subtracts_the_mean_crops_the_centre_then_scales(tmp_path):
    mean = np.random.default_rng(1).random((3, 6, 6)).astype(np.float32)
    blob = caffe_pb2.BlobProto(num=1, channels=3, height=6, width=6, data=mean.ravel().tolist())
    (tmp_path / "mean").write_bytes(blob.SerializeToString())
    n = net(tmp_path, f'crop_size: 4 scale: 0.5 mean_file: "{tmp_path}/mean"')
    n.forward()
    np.testing.assert_allclose(n.blobs["d"].data[0], (IMAGES[0] - mean)[:, 1:5, 1:5] * 0.5, rtol=1e-6)


def test_train_phase_draws_crops_and_mirrors(tmp_path):
    caffe.set_random_seed(3)
    n = net(tmp_path, "crop_size: 4 mirror: true", caffe.TRAIN, batch=5)
    windows = set()
    for _ in range(40):
        n.forward()
        image = n.blobs["d"].data[0]
        result = [
            (top, left, flip)
            for top in range(3)
            for left in range(3)
            for flip in (1, -1)
            if (IMAGES[0][:, top : top + 4, left : left + 4][:, :, ::flip] == image).all()
        ]
        assert len(result) == 1
        windows.add(result[0])
    assert {w[2] for w in windows} == {1, -1} and len({w[:2] for w in windows}) == 9


@pytest.mark.parametrize("value, words", [(b"\xff\xff", "is no Datum"), (b"", "0 values")])
def test_a_broken_record_is_named(tmp_path, value, words):
    database(tmp_path / "db", spoil=value or caffe_pb2.Datum(channels=3, height=6, width=6).SerializeToString())
    with pytest.raises(CaffeError, match=f"00000003.*{words}"):  # before anything is trained
        net(tmp_path, batch=5)


def test_a_missing_database_is_named(tmp_path):
    (tmp_path / "db").mkdir()
    with pytest.raises(CaffeError, match="db: is no LMDB"):
        net(tmp_path)


def test_crops_and_mirrors_do_not_depend_on_how_many_threads_make_them(tmp_path, monkeypatch):
    batches = []
    for threads in (1, 4):
        monkeypatch.setattr(prefetch, "_THREADS", threads)
        caffe.set_random_seed(3)
        n = net(tmp_path, "crop_size: 4 mirror: true", caffe.TRAIN, batch=5)
        n.forward()
        batches.append([n.forward()["d"].copy() for _ in range(3)])
    np.testing.assert_array_equal(*batches)
