"""Environments of the tests: made once, with the versions asked for, apart from the tests' own."""

import subprocess

import cv2


def test_opencv_4_imports_caffe_nets(opencv4):
    script = "import cv2; print(cv2.__version__); cv2.dnn.readNetFromCaffe"
    done = subprocess.run([opencv4, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("4.14.")
    assert not cv2.__version__.startswith("4.14.")
