"""Lists of files as text: encodings, line ends, and files of another kind."""

from __future__ import annotations

import pytest

from caffe_torch import CaffeError
from caffe_torch.files import native, text_file


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("é.jpg 1\n".encode(), "é.jpg 1\n"),
        ("\ufeffé.jpg 1\r\nb.jpg 2\rc".encode(), "é.jpg 1\nb.jpg 2\nc"),
        (b"", ""),
    ],
)
def test_utf_8_with_any_line_ends(tmp_path, data, text):
    (tmp_path / "list.txt").write_bytes(data)
    assert text_file.read(str(tmp_path / "list.txt"), "list") == text


@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "shift_jis"])
def test_names_in_another_encoding_are_those_of_the_files(tmp_path, encoding):
    name = "é" if encoding == "latin-1" else "表"
    (tmp_path / "list.txt").write_bytes(f"{name}.jpg 1\n".encode(encoding))
    word = text_file.read(str(tmp_path / "list.txt"), "list").split()[0]
    path = tmp_path.joinpath(native.path(word))
    path.write_bytes(b"found")
    assert (str(tmp_path).encode() + b"/" + f"{name}.jpg".encode(encoding)) == str(path).encode(
        "utf-8", "surrogateescape"
    )


@pytest.mark.parametrize(
    ("data", "kind_of_file"),
    [
        ("a.jpg 1\n".encode("utf-16"), "text in UTF-16"),
        ("\ufeffa.jpg 1\n".encode("utf-16-be"), "text in UTF-16"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
        (b"\x7fELF\0", "not a text file"),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path, data, kind_of_file):
    (tmp_path / "list.txt").write_bytes(data)
    with pytest.raises(CaffeError) as error:
        text_file.read(str(tmp_path / "list.txt"), "window file")
    end = f"the window file cannot be read: it is {kind_of_file}; give a text file in UTF-8"
    assert str(error.value) == f"{tmp_path}/list.txt: {end}"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CaffeError, match="no.txt: the list cannot be read .No such file"):
        text_file.read(str(tmp_path / "no.txt"), "list")
