"""A photo that is missing: the name that may be meant is told, and each folder is listed once."""

import os
import zipfile

import pytest

from multiweight.base.errors import UserError
from multiweight.photos import alike_names
from multiweight.photos import images as images_module
from multiweight.photos.images import ImageFolder

NFC, NFD = "Caf\u00e9", "Cafe\u0301"


def write(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("there", "asked", "told"),
    [
        (f"{NFD}/a.jpg", f"{NFC}/a.jpg", "no such file; the name is there in NFD of Unicode"),
        ("photos/a.jpg", "Photos/a.jpg", "no such file; there is 'photos'"),
        ("photos/\u00e9.jpg", "photos/\u00c9.JPG", "no such file; there is '\u00e9.jpg'"),
        ("a.jpeg", "a.jpg", "no such file; there is 'a.jpeg'"),
        ("a.jpg", "a", "no such file; there is 'a.jpg'"),
        ("a\u202fb.jpg", "a b.jpg", "no such file; there is 'a\\u202fb.jpg'"),
        ("a b.jpg", "a%20b.jpg", "no such file; there is 'a b.jpg'"),
        ("x/a.jpg", "x\\a.jpg", "no such file: folders are separated by /"),
        ("x/a.jpg", "x", "a folder: expected a photo"),
        ("b.jpg", "a.jpg", "no such file"),
    ],
)
def test_a_file(tmp_path, there, asked, told):
    write(tmp_path, there)
    with ImageFolder(tmp_path) as images:
        assert images.missing(asked).startswith(told)


def test_a_pipe_is_no_photo(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with ImageFolder(tmp_path) as images:
        assert images.missing("a.jpg") == "not an ordinary file"


def test_archives_and_their_members(tmp_path):
    with zipfile.ZipFile(tmp_path / f"{NFD}.zip", "w") as archive:
        for name in ("x\\a.jpg", "B.JPG", "c.png", "y/"):
            archive.writestr(zipfile.ZipInfo(name), b"")
    (tmp_path / "folder.zip").mkdir()
    with ImageFolder(tmp_path) as images:
        assert images.missing(f"{NFC}.zip::c.png").startswith("no such archive; the name is there in NFD")
        assert images.missing("folder.zip::a.jpg") == "a folder: expected a zip archive"
        archive = f"{NFD}.zip"
        assert images.missing(f"{archive}::x/a.jpg").endswith(r"; its list has 'x\\a.jpg'")
        assert images.missing(f"{archive}::b.jpg").endswith("; its list has 'B.JPG'")
        assert images.missing(f"{archive}::c.jpg").endswith("; its list has 'c.png'")
        assert images.missing(f"{archive}::y/") == f"a folder of {archive}: expected a photo"


def test_a_folder_is_listed_once(tmp_path, monkeypatch):
    write(tmp_path, "x/a.jpg")
    listed = []
    monkeypatch.setattr(alike_names.os, "listdir", lambda path: listed.append(path) or ["a.jpg"])
    with ImageFolder(tmp_path) as images:
        assert {images.missing(f"x/{n}.jpg") for n in range(50)} == {"no such file"}
    assert len(listed) == 1


def test_one_photo_is_read_up_to_a_limit_and_never_from_a_pipe(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large.jpg").write_bytes(bytes(20))
    monkeypatch.setattr(images_module, "MAX_BYTES", 10)
    for name, reason in (
        ("pipe", "not an ordinary file: expected a photo"),
        (".", "a folder: expected a photo"),
        ("large.jpg", "more than 10 bytes: expected a photo"),
        ("absent.jpg", r"the image cannot be read \(No such file"),
    ):
        with pytest.raises(UserError, match=rf"^{tmp_path}/?{name if name != '.' else ''}: {reason}"):
            images_module.photo(tmp_path / name)
