"""The wheel under the oldest Python that both packages take, and under a new one: from photos to figures."""

import json
import os
import subprocess
import sys

import environments
import pytest
from checkout import REPOSITORY
from conftest import clean

PACKAGES = "numpy protobuf lmdb opencv-python-headless h5py pyyaml tqdm jieba torch matplotlib pandas jinja2 scipy"


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_the_way_under_another_python(version, wheel, tmp_path):
    interpreter = environments.interpreter(version)
    requirements = ("-c", str(REPOSITORY / "constraints.txt"), *PACKAGES.split())
    python = environments.environment(f"python{version}", requirements, interpreter)
    # Beside the environment, which is kept: the wheel is another one each time.
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", tmp_path / "wheel"]
    subprocess.run([*map(str, command), "--python-version", version, str(wheel)], check=True, env=clean())

    def step(name, *arguments):
        done = subprocess.run(
            [str(python), "-m", "multiweight", name, *map(str, arguments)],
            cwd=tmp_path, env={**clean(), "PYTHONPATH": str(tmp_path / "wheel"), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"Python {version}: {name}\n{done.stdout}"
        return done.stdout

    where = ("--dataset", "tiny")
    step("make-sample-shop", "shop", "--products", 40, "--size", 72)
    step("import-dataset", "shop", *where)
    step("split", *where)
    step("build-lmdb", *where, "--size", 72)
    assert "sound: " in step("verify-lmdb", *where)
    net = ("--crop", 67, "--width", "0.0625", "--batch-size", 8, "--iterations", 4)
    step("make-prototxt", *where, "--variant", "multi_weight", *net)
    step("train", *where, "--variant", "multi_weight", "--gpu", "none")
    step("extract-features", *where, "--all", "--gpu", "none")
    step("evaluate", *where, "--all", "--random")
    step("report", *where)
    found = json.loads((tmp_path / "runs/tiny/multi_weight/evaluation.json").read_text())
    assert 0 < found["mean_map"] < 1 and found["versions"]["python"].startswith(version + ".")
