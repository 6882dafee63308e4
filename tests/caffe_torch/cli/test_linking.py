"""The original's programs under their own names, for scripts that call them by a path."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

import caffe_torch as caffe
from caffe_torch.cli import command, names

SCRIPT = """set -e
TOOLS=build/tools
GLOG_logtostderr=1 $TOOLS/convert_imageset --resize_height=8 --resize_width=8 --shuffle images/ train.txt train_lmdb
$TOOLS/compute_image_mean train_lmdb mean.binaryproto
$TOOLS/caffe time -model net.prototxt -iterations 2
"""
NET = """layer { name: "d" type: "Data" top: "d" transform_param { mean_file: "mean.binaryproto" }
data_param { source: "train_lmdb" batch_size: 2 backend: LMDB } }"""


def test_a_script_of_the_original_runs_as_it_stands(tmp_path):
    """As examples/imagenet/create_imagenet.sh calls them, from a checkout's build/tools."""
    program = tmp_path / "caffe-torch"
    program.write_text(f"#!{sys.executable}\nimport sys\nfrom caffe_torch.cli.command import main\nsys.exit(main())\n")
    program.chmod(0o755)
    (tmp_path / "images").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), np.full((10, 12, 3), i * 10, np.uint8))
    (tmp_path / "train.txt").write_text("0.png 0\n1.png 1\n2.png 2\n")
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "build/tools").mkdir(parents=True)
    for name in ("caffe", *names.TOOLS):
        (tmp_path / "build/tools" / name).symlink_to(program)
    env = {**os.environ, "PYTHONPATH": str(Path(caffe.__file__).parents[1])}
    done = subprocess.run(["sh", "-c", SCRIPT], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "mean_value channel [2]: 10\n" in done.stderr and "Average Forward pass" in done.stderr
    with lmdb.open(str(tmp_path / "train_lmdb"), readonly=True) as store, store.begin() as reader:
        assert sorted(key[9:] for key, _ in reader.cursor()) == [b"0.png", b"1.png", b"2.png"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A caffe-torch on PATH."""
    program = tmp_path / "bin" / "caffe-torch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    return program


def test_links(installed, tmp_path, capsys):
    for _ in range(2):
        assert command.main(["link_tools", str(tmp_path / "build/tools")]) == 0
    links = {path.name: os.readlink(path) for path in (tmp_path / "build/tools").iterdir()}
    assert links == dict.fromkeys(["caffe", *(set(names.TOOLS) - {"link_tools"})], str(installed))
    assert "convert_imageset" in capsys.readouterr().out


def test_links_write_over_nothing(installed, tmp_path, monkeypatch, capsys):
    (tmp_path / "caffe").write_text("")
    assert command.main(["link_tools", str(tmp_path)]) == 1
    assert "caffe: is there already" in capsys.readouterr().err
    assert command.main(["link_tools"]) == 1
    installed.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["link_tools", str(tmp_path / "other")]) == 1
    assert "caffe-torch is not on PATH" in capsys.readouterr().err
