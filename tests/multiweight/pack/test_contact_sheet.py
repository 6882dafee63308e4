import cv2
import numpy as np
import pytest

from multiweight.base.errors import UserError
from multiweight.pack import contact_sheet
from multiweight.pack.reader import LmdbPair
from small_shop import caffe, pack, split_shop


@pytest.fixture
def dataset(tmp_path):
    made = split_shop(tmp_path)
    pack(made)
    return made


def test_pictures_stand_in_order_with_text_below(dataset):
    keys = ["00000004", "00000001", "00000002"]
    sheet = contact_sheet.sheet(caffe(), dataset, "train", keys, columns=2)
    with LmdbPair(caffe(), dataset.images("train"), dataset.labels("train")) as pair:
        images = {key: image.transpose(1, 2, 0) for key, image, _ in pair}
    cell = 160 + contact_sheet.MARGIN
    assert sheet.shape[1] == 2 * cell and sheet.dtype == np.uint8
    height = sheet.shape[0] // 2
    for key, (row, column) in zip(keys, ((0, 0), (0, 1), (1, 0))):
        corner = sheet[row * height : row * height + 32, column * cell : column * cell + 32]
        assert np.array_equal(corner, images[key])
        assert (sheet[row * height + 32 : row * height + 49, column * cell : column * cell + 160] < 128).any()
    assert (sheet[height:, cell:] == 255).all()


def test_written_and_mistakes(dataset, tmp_path):
    sheet = contact_sheet.sheet(caffe(), dataset, "test", count=5)
    contact_sheet.write(tmp_path / "out" / "sheet.png", sheet)
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "sheet.png")), sheet)
    with pytest.raises(UserError, match="test_images_lmdb: no key 99: its keys are 00000000 to"):
        contact_sheet.sheet(caffe(), dataset, "test", ["99"])
