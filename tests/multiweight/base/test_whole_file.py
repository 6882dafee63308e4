"""Files appear whole or not at all; the error for a full disk names the file that was being written."""

import errno

import pytest

from multiweight.base import errors, whole_file


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file.opened(path) as file:
        file.write("\u957f\u8896")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "\u957f\u8896"
    whole_file.write(path, "b")
    assert path.read_text() == "b" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_after_an_error_the_old_file_stays_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail():
        with whole_file.opened(path) as file:
            file.write("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "a.txt"
    (tmp_path / "a.txt.partial").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        whole_file.write(path, "x" * 100_000)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert errors.refused(caught.value).startswith(f"{path}: No space left on device: make room")


def test_what_h5py_says_of_a_full_disk_is_one_short_line():
    message = "Can't write data\n(file write failed: time = Sat, filename = '/a', errno = 28, buf = 0x55, total = 96)"
    short_message = errors.refused(OSError(errno.ENOSPC, message + "x" * 200))
    assert short_message.startswith("No space left on device: make room") and "\n" not in short_message
