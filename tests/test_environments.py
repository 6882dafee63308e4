"""Environments of the tests: made once, with the versions asked for, apart from the tests' own."""

import subprocess

import cv2
import environments
import pytest


def test_opencv_4_imports_caffe_nets(opencv4):
    script = "import cv2; print(cv2.__version__); cv2.dnn.readNetFromCaffe"
    done = subprocess.run([opencv4, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("4.14.")
    assert not cv2.__version__.startswith("4.14.")


def test_a_folder_is_filled_once_and_anew_where_its_sources_change(monkeypatch, tmp_path):
    monkeypatch.setenv(environments.FOLDER, str(tmp_path))
    calls: list[str] = []

    def make(folder):
        assert list(folder.iterdir()) == []
        calls.append("once")
        (folder / "program").write_text("")

    for made_from, count in (("a", 1), ("a", 1), ("b", 2)):
        assert (environments.cached_folder("x", made_from, make) / "program").exists()
        assert len(calls) == count


def test_one_that_failed_is_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv(environments.FOLDER, str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        environments.cached_folder("x", "a", lambda folder: 1 / 0)  # type: ignore[arg-type, return-value]
    assert environments.cached_folder("x", "a", lambda folder: None) == tmp_path / "x"
