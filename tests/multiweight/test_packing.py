import cv2
import numpy as np
import pytest

from multiweight import bad_images, engine, lmdb_pair, packing, records, steps
from multiweight.catalog import Catalog
from multiweight.errors import UserError
from multiweight.lmdb_pair import LmdbPair
from small_shop import caffe, pack, split_shop

PARTS = ("train", "test")


@pytest.fixture
def dataset(tmp_path):
    return split_shop(tmp_path)


@pytest.mark.parametrize("encoding", ["raw", "jpg"])
def test_pairs_hold_what_the_records_say(dataset, encoding):
    info = pack(dataset, encoding)
    catalog = Catalog.load(dataset.catalog)
    folder = steps.read(dataset.data / "import.json")["settings"]["folder"]
    total = np.zeros((3, 32, 32))
    for part in PARTS:
        packed = records.read_packed(dataset.packed(part), catalog)
        assert sorted(r for _, r in packed) == sorted(records.read(dataset.split(part)))
        assert [key for key, _ in packed] == [f"{n:08d}" for n in range(len(packed))]
        with LmdbPair(caffe(), dataset.images(part), dataset.labels(part)) as pair:
            rows = list(pair)
            assert len(pair) == info["counts"][part] and pair.keys() == [key for key, _ in packed]
            keys, matrix = pair.label_matrix()
            assert keys == pair.keys() and np.array_equal(matrix, [labels for _, _, labels in rows])
            assert {image.encoded for _, image, _ in pair.datums()} == {encoding == "jpg"}
        for (key, image, labels), (expected, record) in zip(rows, packed):
            picture = cv2.resize(cv2.imread(f"{folder}/{record.image}"), (32, 32)).transpose(2, 0, 1)
            assert key == expected and image.shape == (3, 32, 32)
            if encoding == "raw":
                assert np.array_equal(image, picture)
            else:
                assert np.abs(image.astype(int) - picture).mean() < 12
            assert np.array_equal(labels, record.vector(catalog))
            total += image if part == "train" else 0
    blob = engine.schema(caffe()).BlobProto()
    blob.ParseFromString(dataset.mean.read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 3, 32, 32)
    np.testing.assert_allclose(np.reshape(blob.data, total.shape), total / info["counts"]["train"], rtol=1e-6)


def test_dataset_json(dataset):
    info = pack(dataset)
    catalog = Catalog.load(dataset.catalog)
    train = records.read(dataset.split("train"))
    assert (info["name"], info["source"], info["size"], info["encoding"]) == ("shop", "records", 32, "raw")
    assert info["labels"] == catalog.size and info["bad"] == 0
    assert info["products"]["train"] == len({r.product for r in train})
    assert info["group_images"] == {name: sum(name in r.groups for r in train) for name in catalog.names}
    assert min(info["group_images"].values()) > 0


def test_the_shuffle_mixes_products_and_follows_the_seed(dataset):
    train = records.read(dataset.split("train"))
    order = [record for _, record in packing.shuffled(train, 1)]
    assert order == [record for _, record in packing.shuffled(train, 1)] != train
    assert order != [record for _, record in packing.shuffled(train, 2)]


def test_bytes_are_the_same_with_any_number_of_threads(dataset, monkeypatch):
    monkeypatch.setattr(packing, "CHUNK_PIXELS", 32 * 32 * 3)
    pack(dataset, threads=1)
    before = dataset.images("train").joinpath("data.mdb").read_bytes()
    packing.pack(caffe(), dataset, packing.Settings(size=32, threads=4), overwrite=True)
    assert dataset.images("train").joinpath("data.mdb").read_bytes() == before


def test_a_finished_pack_is_left_and_other_settings_are_an_error(dataset):
    info = pack(dataset)
    again, done = packing.pack(caffe(), dataset, packing.Settings(size=32))
    assert (again, done) == (info, False)
    with pytest.raises(UserError, match=r"dataset.json: made with size 32, asked for 48: use --overwrite"):
        packing.pack(caffe(), dataset, packing.Settings(size=48))
    assert packing.pack(caffe(), dataset, packing.Settings(size=48), overwrite=True)[0]["size"] == 48
    dataset.catalog.write_text(dataset.catalog.read_text() + "# edited\n")
    with pytest.raises(UserError, match="catalog_sha256"):
        packing.pack(caffe(), dataset, packing.Settings(size=48))


def test_unreadable_images_are_listed_and_stop_the_run_when_too_many(dataset):
    folder = steps.read(dataset.data / "import.json")["settings"]["folder"]
    victim = records.read(dataset.split("test"))[0]
    path = f"{folder}/{victim.image}"
    with open(path, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"bad_images.csv: 1 of \d+ images cannot be used .*truncated JPEG.*--max-bad"):
        pack(dataset)
    assert not dataset.info.exists() and not dataset.images("test").exists()
    assert not list(dataset.data.glob("*" + lmdb_pair.PARTIAL))
    info = pack(dataset, max_bad=0.1)
    assert info["bad"] == 1
    assert [(bad.image, bad.step) for bad in bad_images.read(dataset.bad_images)] == [(victim.image, "pack")]
    keys = [key for key, _ in records.read_packed(dataset.packed("test"))]
    assert len(keys) == info["counts"]["test"] == len(records.read(dataset.split("test"))) - 1
    assert int(keys[-1]) + 1 in (len(keys), len(keys) + 1)


def test_what_a_killed_run_left_is_replaced(dataset):
    half = dataset.data / "train_images_lmdb.partial"
    half.mkdir()
    (half / "data.mdb").write_bytes(b"half")
    (half / "lock.mdb").write_bytes(b"")
    pack(dataset)
    assert not half.exists()


def test_another_user_can_read_and_lock(dataset):
    pack(dataset)
    for path in (dataset.images("train"), dataset.labels("test")):
        assert path.stat().st_mode & 0o005 == 0o005
        assert (path / "data.mdb").stat().st_mode & 0o006 == 0o004
        assert (path / "lock.mdb").stat().st_mode & 0o006 == 0o006


def test_the_map_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(lmdb_pair, "START_MAP", 1 << 16)
    writer = lmdb_pair.LmdbWriter(tmp_path / "images_lmdb")
    for start in range(0, 60, 20):
        writer.put([(b"%08d" % n, bytes(10000)) for n in range(start, start + 20)])
    writer.finish()
    assert (tmp_path / "images_lmdb" / "data.mdb").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "settings, says", [({"encoding": "png"}, "encoding 'png'"), ({"size": 0}, "size 0"), ({"max_bad": 2}, "max-bad 2")]
)
def test_bad_settings(dataset, settings, says):
    with pytest.raises(UserError, match=says):
        packing.pack(caffe(), dataset, packing.Settings(**settings))


def test_before_the_split(dataset):
    dataset.split("train").unlink()
    with pytest.raises(UserError, match="train.csv: cannot be read.*run the step that writes it first"):
        pack(dataset)
