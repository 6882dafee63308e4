import cv2
import lmdb
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.commands import show_lmdb
from multiweight.pack import contact_sheet, reader
from multiweight.pack.reader import LmdbPair
from small_shop import caffe, pack, split_shop


@pytest.fixture
def dataset(tmp_path):
    packed = split_shop(tmp_path)
    pack(packed)
    return packed


def test_pictures_stand_in_order_with_text_below(dataset):
    keys = ["00000004", "00000001", "00000002"]
    sheet, shown = contact_sheet.sheet(caffe(), dataset, "train", keys, columns=2)
    assert shown == keys
    with LmdbPair(caffe(), dataset.images("train"), dataset.labels("train")) as pair:
        images = {key: image.transpose(1, 2, 0) for key, image, _ in pair}
    cell = 160 + contact_sheet.MARGIN_PX
    assert sheet.shape[1] == 2 * cell and sheet.dtype == np.uint8
    height = sheet.shape[0] // 2
    for key, (row, column) in zip(keys, ((0, 0), (0, 1), (1, 0))):
        corner = sheet[row * height : row * height + 32, column * cell : column * cell + 32]
        assert np.array_equal(corner, images[key])
        assert (sheet[row * height + 32 : row * height + 49, column * cell : column * cell + 160] < 128).any()
    assert (sheet[height:, cell:] == 255).all()


def test_written_and_mistakes(dataset, tmp_path):
    sheet, _ = contact_sheet.sheet(caffe(), dataset, "test", count=5)
    contact_sheet.write(tmp_path / "out" / "sheet.png", sheet)
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "sheet.png")), sheet)
    with pytest.raises(UserError, match="test_images_lmdb: no key 99: its keys are 00000000 to"):
        contact_sheet.sheet(caffe(), dataset, "test", ["99"])


def test_no_image_but_those_shown_is_decoded(dataset, monkeypatch):
    decoded, decode = [], reader.decode
    monkeypatch.setattr(reader, "decode", lambda datum, at: decoded.append(at) or decode(datum, at))
    _, keys = contact_sheet.sheet(caffe(), dataset, "train", count=3)
    assert len(keys) == 3 and keys == sorted(keys)
    assert decoded == [f"{dataset.images('train')}: key {key}" for key in keys]
    assert contact_sheet.sheet(caffe(), dataset, "train", count=3)[1] == keys
    assert contact_sheet.sheet(caffe(), dataset, "train", count=3, seed=2)[1] != keys


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (["--count=1000"], None),
        (["--count=2", "--part=test"], 2),
        (["--key=00000002", "--key=00000000", "--columns=1"], 2),
    ],
)
def test_the_command_says_how_many_it_has_drawn(dataset, tmp_path, capsys, flags, shown):
    part = "test" if "--part=test" in flags else "train"
    with LmdbPair(caffe(), dataset.images(part), dataset.labels(part)) as pair:
        shown = shown or len(pair)
    out = tmp_path / "s.png"
    show_lmdb.main(["--dataset", dataset.name, "--runs", str(dataset.data.parents[1]), "--out", str(out), *flags])
    assert capsys.readouterr().out == f"wrote {out}: {shown} images of {dataset.images(part)}\n"
    drawn = cv2.imread(str(out))
    columns = 1 if "--columns=1" in flags else min(shown, 6)
    assert drawn.shape[1] == columns * (160 + contact_sheet.MARGIN_PX)


@pytest.mark.parametrize("options", [{"count": 0}, {"count": -5}, {"columns": 0}])
def test_no_image_and_no_column_are_refused(dataset, options):
    ((name, value),) = options.items()
    with pytest.raises(UserError, match=f"{name} = {value}: expected 1 or more"):
        contact_sheet.sheet(caffe(), dataset, "train", **options)


def test_an_lmdb_without_images_is_one_line(dataset):
    for path in (dataset.images("test"), dataset.labels("test")):
        with lmdb.open(str(path)) as store, store.begin(write=True) as writer:
            writer.drop(store.open_db(txn=writer), delete=False)
    for keys in ((), ["00000000"]):
        with pytest.raises(UserError, match="test_images_lmdb: holds no image: pack the data again"):
            contact_sheet.sheet(caffe(), dataset, "test", keys)


def test_a_key_without_labels_is_named(dataset):
    with lmdb.open(str(dataset.labels("test"))) as store, store.begin(write=True) as writer:
        writer.delete(b"00000001")
    with pytest.raises(UserError, match="test_labels_lmdb: key 00000001: not there: pack the data again"):
        contact_sheet.sheet(caffe(), dataset, "test", ["00000001"])


def test_a_sheet_that_png_cannot_hold_leaves_no_file(tmp_path):
    with pytest.raises(UserError, match="s.png: OpenCV cannot write a PNG of 1000001 x 1 pixels: show fewer images"):
        contact_sheet.write(tmp_path / "s.png", np.zeros((1, 1_000_001, 3), np.uint8))
    assert not list(tmp_path.iterdir())
