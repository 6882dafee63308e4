"""The wheel under the oldest Python that both packages take, and under a new one, without PyTorch: photos to LMDBs.

PyTorch itself would take gigabytes for each; caffe_torch is compiled instead, and its schema used.
"""

import os
import subprocess
import sys

import environments
import pytest
from checkout import REPOSITORY
from environments import clean

PACKAGES = "numpy protobuf lmdb opencv-python-headless h5py pyyaml tqdm jieba"
# These need more: figures, PyTorch, the page's server.
NOT_HERE = ("describe-dataset", "report", "report-study", "run-study", "search", "serve", "annotate", "export")


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_the_way_under_another_python(version, wheel, tmp_path):
    interpreter = environments.interpreter(version)
    requirements = ("-c", str(REPOSITORY / "constraints.txt"), *PACKAGES.split())
    python = environments.environment(f"python{version}", requirements, interpreter)
    # Beside the environment, which is kept: the wheel is another one each time.
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", tmp_path / "wheel"]
    subprocess.run([*map(str, command), "--python-version", version, str(wheel)], check=True, env=clean())

    def run(*arguments):
        done = subprocess.run(
            [str(python), *map(str, arguments)],
            cwd=tmp_path, env={**clean(), "PYTHONPATH": str(tmp_path / "wheel"), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"Python {version}: {arguments}\n{done.stdout}"
        return done.stdout

    def step(*arguments):
        return run("-W", "error::SyntaxWarning", "-m", "multiweight", *arguments)

    run("-m", "compileall", "-q", "-f", tmp_path / "wheel")
    for name in step("--help").split("steps:")[1].split("\n"):
        if name.strip() and name.split()[0] not in NOT_HERE:
            assert "usage: " in step(name.split()[0], "--help")
    where = ("--dataset", "tiny")
    step("make-sample-shop", "shop", "--products", 40, "--size", 72)
    step("import-dataset", "shop", *where)
    step("clean-dataset", *where)
    step("split", *where, "--near-duplicates")
    step("build-lmdb", *where, "--size", 72)
    assert "sound: " in step("verify-lmdb", *where)
    step("show-lmdb", *where, "--count", 3)
    (tmp_path / "texts.csv").write_text("text\n" + "red cotton shirt with long sleeves\n" * 30)
    step("build-catalog", "texts.csv")
