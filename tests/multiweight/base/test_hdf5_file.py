"""HDF5 files of the steps: what is in them comes back, and what is damaged or of another kind is refused in a line."""

import h5py
import numpy as np
import pytest

from multiweight.base import hdf5_file
from multiweight.base.errors import UserError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "retrieval.h5"


def test_texts_and_numbers_come_back(path):
    written = {"a": "fc7", "b": "", "c": "\u957f\u8896", "d": 3, "e": 0.5}
    with h5py.File(path, "w") as file:
        hdf5_file.describe(file, written)
    with hdf5_file.opened(path) as file:
        assert hdf5_file.attributes(file) == written


def test_a_name_that_is_not_utf_8_is_written_escaped(path):
    with h5py.File(path, "w") as file:
        hdf5_file.describe(file, {"weights": "a\udcff.caffemodel"})
        assert hdf5_file.attributes(file) == {"weights": "a\\udcff.caffemodel"}


@pytest.mark.parametrize("value", ["a text", ["a", "b"], np.arange(3), np.array([(1, 2)], "i4,i4"), True])
def test_an_attribute_of_another_kind_is_refused_before_it_is_read(path, value):
    with h5py.File(path, "w") as file:
        file.attrs["x"] = value
        with pytest.raises(ValueError, match="attribute x"):
            hdf5_file.attributes(file)


def test_numbers_or_some_columns_of_them(path):
    with h5py.File(path, "w") as file:
        file["ap"] = np.arange(12).reshape(3, 4)
    assert hdf5_file.numbers(path, "ap", 2, "again").tolist() == np.arange(12).reshape(3, 4).tolist()
    assert hdf5_file.numbers(path, "ap", 2, "again", 2).shape == (3, 2)


def text(file):
    file["ap"] = [["a", "b"]]


def write_huge_shape_without_data(file):
    file.create_dataset("ap", (1 << 20, 1 << 20), "f4", chunks=True)


@pytest.mark.parametrize(
    "write, message",
    [
        (lambda file: None, "ap"),
        (lambda file: file.create_group("ap"), "no dataset of 2 axes"),
        (lambda file: file.create_dataset("ap", data=[1.0]), "no dataset of 2 axes"),
        (text, "variable length"),
        (lambda file: file.create_dataset("ap", data=np.array([[b"a"]])), "not numbers"),
        (write_huge_shape_without_data, "promises more than the file holds"),
    ],
)
def test_numbers_that_are_none_are_one_line(path, write, message):
    with h5py.File(path, "w") as file:
        write(file)
    with pytest.raises(UserError, match=rf"retrieval\.h5: not a whole file .*{message}.*: evaluate again"):
        hdf5_file.numbers(path, "ap", 2, "evaluate again")


def test_a_file_that_is_cut_is_one_line(path):
    with h5py.File(path, "w") as file:
        file["ap"] = np.ones((50, 4))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UserError, match=r"retrieval\.h5: not a whole file"):
        hdf5_file.numbers(path, "ap", 2, "evaluate again")
    path.unlink()
    with pytest.raises(UserError, match=r"retrieval\.h5: no such file: evaluate again"):
        hdf5_file.numbers(path, "ap", 2, "evaluate again")
