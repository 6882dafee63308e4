"""convert_imageset by itself: pictures that cannot be encoded as asked leave no empty record behind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from caffe_torch.cli import command


@pytest.mark.parametrize(
    ("kind", "width", "message"),
    [
        ("jpg", 65501, "wide.png: OpenCV cannot write 65501 x 1 pixels as 'jpg': give another --encode_type"),
        ("xyz", 20, "wide.png: OpenCV cannot write 20 x 1 pixels as 'xyz': give another --encode_type"),
    ],
)
def test_a_picture_that_cannot_be_encoded_is_named(tmp_path, capsys, kind, width, message):
    assert cv2.imwrite(f"{tmp_path}/wide.png", np.zeros((1, width, 3), np.uint8))
    (tmp_path / "list.txt").write_text("wide.png 3\n")
    words = ["convert_imageset", "--encoded", f"--encode_type={kind}", f"{tmp_path}/", f"{tmp_path}/list.txt"]
    assert command.main([*words, f"{tmp_path}/out"]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
