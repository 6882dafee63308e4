import shutil

import lmdb
import pytest

from multiweight.base import engine
from multiweight.base.errors import UserError
from multiweight.base.progress import quiet
from multiweight.pack import packing, verifying
from multiweight.pack.reader import LmdbPair
from small_shop import caffe, pack, split_shop


@pytest.fixture
def dataset(tmp_path):
    packed = split_shop(tmp_path)
    pack(packed)
    return packed


def check(dataset):
    return verifying.verify(caffe(), dataset, progress=quiet)


def change(path, key, value):
    env = lmdb.open(str(path), map_size=1 << 26)
    with env.begin(write=True) as transaction:
        if value is None:
            transaction.delete(key)
        else:
            transaction.put(key, value)
    env.close()


def datum(**fields):
    return engine.schema(caffe()).Datum(**fields).SerializeToString()


def test_sound(dataset):
    result = check(dataset)
    assert set(result) == {"train", "test"} and result["train"]["encoded"] == 0
    assert result["train"]["group_images"]["Color"] > result["train"]["group_images"]["Brooch"] > 0


def test_jpeg(dataset):
    info = packing.pack(caffe(), dataset, packing.Settings(size=32, encoding="jpg"), overwrite=True, progress=quiet)[0]
    assert check(dataset)["train"]["encoded"] == info["counts"]["train"]


L = 58
FAULTS = [
    ("labels", None, r"train_labels_lmdb does not match .*train_images_lmdb: key 00000004 stands where key 00000003"),
    ("images", None, r"key 00000003 stands where key 00000004 belongs"),
    ("images", b"\xff\xff\xff", r"train_images_lmdb: key 00000003: no Datum"),
    ("images", dict(channels=3, height=32, width=32, data=b"short"), r"key 00000003: 5 bytes of data for .* 3x32x32"),
    ("images", dict(channels=1, height=32, width=32, data=bytes(1024)), r"00000003: shape 1x32x32, expected 3x32x32"),
    ("images", dict(data=b"no jpeg", encoded=True), r"key 00000003: the encoded image does not decode"),
    ("labels", dict(channels=L + 1, height=1, width=1, data=bytes(L + 1)), rf"{L + 1} labels, the catalog has {L}"),
    ("labels", dict(channels=L, height=1, width=1, data=b"\xff" * L), r"label value 255: expected 0 or 1"),
    ("labels", dict(channels=L, height=1, width=1, data=b"\1" * L), r"00000003: not the labels of images/"),
    ("labels", dict(label=3), r"key 00000003: shape 0x0x0 with 0 values: expected a label vector"),
]


@pytest.mark.parametrize("lmdb_kind, value, message", FAULTS)
def test_faults_name_the_key(dataset, lmdb_kind, value, message):
    path = dataset.images("train") if lmdb_kind == "images" else dataset.labels("train")
    change(path, b"00000003", datum(**value) if isinstance(value, dict) else value)
    with pytest.raises(UserError, match=message):
        check(dataset)


def test_the_last_key_missing_from_both(dataset):
    with LmdbPair(caffe(), dataset.images("train"), dataset.labels("train")) as pair:
        last = pair.keys()[-1].encode()
    for path in (dataset.images("train"), dataset.labels("train")):
        change(path, last, None)
    with pytest.raises(UserError, match=r"train_images_lmdb: \d+ images, .* lists \d+"):
        check(dataset)


def test_an_edited_catalog(dataset):
    dataset.catalog.write_text(dataset.catalog.read_text() + "# edited\n")
    with pytest.raises(UserError, match="changed since the data was packed"):
        check(dataset)


def test_a_mean_of_another_size(dataset):
    blob = engine.schema(caffe()).BlobProto(num=1, channels=3, height=1, width=1, data=[1, 2, 3])
    dataset.mean.write_bytes(blob.SerializeToString())
    with pytest.raises(UserError, match="shape 1x3x1x1, expected 1x3x32x32"):
        check(dataset)


def test_not_packed(dataset):
    shutil.rmtree(dataset.labels("test"))
    with pytest.raises(UserError, match="test_labels_lmdb: no LMDB"):
        check(dataset)
    dataset.info.unlink()
    with pytest.raises(UserError, match="dataset.json: no such file: run make lmdb first"):
        check(dataset)
