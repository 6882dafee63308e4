import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import unchecked
from checkout import REPOSITORY

from multiweight.base import done as steps
from multiweight.base import engine, lmdb_file, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.base.progress import quiet
from multiweight.pack import chunks, packing, verifying
from multiweight.pack import writer as lmdb_writer
from multiweight.pack.reader import LmdbPair
from multiweight.records import bad_images, records
from multiweight.records.catalog import Catalog
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
    order = list(chunks.Shuffled(train, 1))
    assert order == list(chunks.Shuffled(train, 1)) != train and sorted(order) == sorted(train)
    assert order != list(chunks.Shuffled(train, 2))


def test_bytes_are_the_same_with_any_number_of_threads(dataset, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_PIXELS", 32 * 32 * 3)
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
    with pytest.raises(UserError, match="made with catalog that have changed since"):
        packing.pack(caffe(), dataset, packing.Settings(size=48))


def test_unreadable_images_are_listed_and_stop_the_run_when_too_many(dataset):
    folder = steps.read(dataset.data / "import.json")["settings"]["folder"]
    victim = records.read(dataset.split("test"))[0]
    path = f"{folder}/{victim.image}"
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"bad_images.csv: 1 of \d+ images cannot be used .*truncated JPEG.*--max-bad"):
        pack(dataset)
    assert not dataset.info.exists() and not dataset.images("test").exists()
    assert not list(dataset.data.glob("*" + whole_file.PARTIAL))
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
    monkeypatch.setattr(lmdb_writer, "STEP", 1 << 16)
    writer = lmdb_writer.LmdbWriter(tmp_path / "images_lmdb")
    for start in range(0, 60, 20):
        writer.put([(b"%08d" % n, bytes(10000)) for n in range(start, start + 20)])
    writer.finish()
    assert (tmp_path / "images_lmdb" / "data.mdb").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    "settings, message",
    [({"encoding": "png"}, "encoding 'png'"), ({"size": 0}, "size 0"), ({"max_bad": 2}, "max-bad 2")],
)
def test_bad_settings(dataset, settings, message):
    with pytest.raises(UserError, match=message):
        packing.pack(caffe(), dataset, packing.Settings(**settings))


def test_shards_merge_to_the_same_bytes(dataset, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_PIXELS", 32 * 32 * 4)
    pack(dataset)
    unsharded = outcome(dataset)
    dataset.info.unlink()
    for number in (3, 1, 2):
        packing.pack(
            caffe(), dataset, packing.Settings(size=32), overwrite=number == 3, progress=quiet, shard=(number, 3)
        )
        if number != 2:
            with pytest.raises(UserError, match=r"packing.shard-.-of-3.json: no such file"):
                packing.merge(caffe(), dataset, 3, 0.01, quiet)
    for path in (*dataset.data.glob("*_lmdb"), *dataset.data.glob("*_packed.csv"), dataset.mean):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    packing.merge(caffe(), dataset, 3, 0.01, quiet)
    assert outcome(dataset) == unsharded
    assert not list(dataset.data.glob("*shard*")) and not list(dataset.data.glob("packing*"))


def outcome(dataset):
    """All that a packing writes, but for the seconds it took."""
    files = [p for part in PARTS for p in (dataset.images(part) / "data.mdb", dataset.labels(part) / "data.mdb")]
    files += [dataset.packed("train"), dataset.packed("test"), dataset.mean, dataset.bad_images]
    info = {key: value for key, value in steps.read(dataset.info).items() if key != "seconds"}
    return [path.read_bytes() for path in files], info


def test_unknown_labels_are_packed_as_minus_one(dataset):
    info = pack(dataset, unknown="ignore")
    catalog = Catalog.load(dataset.catalog)
    assert info["unknown"] == "ignore"
    with LmdbPair(caffe(), dataset.images("test"), dataset.labels("test")) as pair:
        rows = list(pair)
        datum = next(pair.datums())[2]
    assert not datum.data and len(datum.float_data) == catalog.size and {-1, 0, 1} == set(datum.float_data)
    for (_, _, labels), (_, record) in zip(rows, records.read_packed(dataset.packed("test"), catalog)):
        assert labels.dtype == np.int8 and np.array_equal(labels, record.vector(catalog, "ignore"))
    assert verifying.verify(caffe(), dataset, progress=quiet)["test"]["images"] == len(rows)


def test_what_nothing_vouches_for_is_not_replaced(dataset):
    pack(dataset)
    dataset.info.unlink()
    with pytest.raises(UserError, match="train_images_lmdb: exists, but neither dataset.json nor packing.json.*--over"):
        pack(dataset)


def test_a_stopped_packing_keeps_to_its_settings(dataset):
    steps.write(dataset.packing(), {"size": 48}, {"parts": {}})
    with pytest.raises(UserError, match="packing.json: made with size 48, asked for 32; .*: use --overwrite"):
        pack(dataset)


SMALL_CHUNKS = 32 * 32 * 4


def full_disk(dataset, limit, *options):
    """Pack in a process whose files cannot grow beyond ``limit`` bytes."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f"sys.path.insert(0, {str(REPOSITORY / 'python')!r});"
        f"from multiweight.pack import chunks; chunks.CHUNK_PIXELS = {SMALL_CHUNKS};"
        "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    arguments = [REPOSITORY / "tools/build_lmdb.py", "--dataset", dataset.name, "--runs", dataset.root.parent]
    command = [sys.executable, "-c", code, *map(str, arguments), "--size", "32", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_full_disk_is_one_line_and_the_packing_goes_on_after_it(dataset, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_PIXELS", SMALL_CHUNKS)
    done = full_disk(dataset, 60_000)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr and "is the disk full?" in done.stderr
    assert dataset.packing().exists() and not dataset.images("train").exists()
    assert 0 < half_packed(dataset) < len(records.read(dataset.split("train")))
    pack(dataset)
    resumed = outcome(dataset)
    packing.pack(caffe(), dataset, packing.Settings(size=32), overwrite=True, progress=quiet)
    assert outcome(dataset) == resumed


def half_packed(dataset):
    return sum(1 for _ in lmdb_file.keys(lmdb_writer.partial_of(dataset.images("train"))))


def test_a_photo_mended_while_the_packing_was_stopped(dataset, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_PIXELS", SMALL_CHUNKS)
    folder = steps.read(dataset.data / "import.json")["settings"]["folder"]
    first = chunks.Shuffled(records.read(dataset.split("train")), 1)[0]
    path = Path(folder) / first.image
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    assert full_disk(dataset, 60_000, "--max-bad", "0.1").returncode == 2
    assert half_packed(dataset) > 0
    path.write_bytes(content)
    # What was packed without it does not fit any more: its key is the first.
    info = pack(dataset, max_bad=0.1)
    assert info["bad"] == 0 and records.read_packed(dataset.packed("train"))[0] == ("00000000", first)
    resumed = outcome(dataset)
    packing.pack(caffe(), dataset, packing.Settings(size=32), overwrite=True, progress=quiet)
    assert outcome(dataset) == resumed


def test_a_full_file_system(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], capture_output=True).returncode:
        unchecked.skip("a full file system", "no permission to mount one; the test above limits files instead")
    try:
        dataset = split_shop(tmp_path)
        shutil.copytree(dataset.data, small / "shop" / "data")
        full = Dataset("shop", small)
        with pytest.raises(UserError, match="cannot be written .*is the disk full"):
            pack(full)
        assert not full.info.exists() and not full.labels("test").exists()
        subprocess.run(["mount", "-o", "remount,size=40m", small], check=True)
        pack(full)
        pack(dataset)
        assert outcome(full)[0] == outcome(dataset)[0]
    finally:
        subprocess.run(["umount", small], check=True)


def test_before_the_split(dataset):
    dataset.split("train").unlink()
    with pytest.raises(UserError, match="train.csv: no such file: run make split first"):
        pack(dataset)
