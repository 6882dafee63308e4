"""Arrays that a step kept: read back; damage is always the same kind of error; nothing is unpickled."""

import io
import zipfile

import numpy as np
import pytest

from multiweight.base import npz_file


def saved(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept.npz"


def test_arrays_come_back(path):
    path.write_bytes(saved(a=np.arange(3), b=np.array("x")))
    a, b = npz_file.read(path, "a", "b")
    assert a.tolist() == [0, 1, 2] and str(b) == "x"


def array_of_2_to_the_50():
    """An array whose header says 2**50 numbers, while the file holds none."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)})
        archive.writestr("a.npy", head.getvalue())
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        bytes(200),
        saved(b=[1]),
        saved(a=np.arange(99))[:400],
        saved(a=np.array([{}])),
        array_of_2_to_the_50(),
    ],
    ids=["empty", "text", "zeros", "other", "cut", "pickle", "header_too_large"],
)
def test_what_is_damaged_is_a_value_error(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError):
        npz_file.read(path, "a")


def test_a_plain_array_is_none(path):
    file = io.BytesIO()
    np.save(file, np.arange(3))
    path.write_bytes(file.getvalue())
    with pytest.raises(ValueError, match="no .npz file"):
        npz_file.read(path, "a")
