"""Every layer type, forward and backward, on the emulated accelerator against the CPU: the parity suite's cases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import emulated_accelerator as emulated
import files
import pytest
import runner
from case import Case
from cases import CASES, WITHOUT_CASE
from devices import assert_same, on_the_device
from fork_cases import CASES as FORK_CASES
from fork_cases import ForkCase
from judges import named

import caffe_torch as caffe
from caffe_torch.layers.base import REGISTRY
from caffe_torch.runtime import accelerator

FORK_TESTS = Path(__file__).resolve().parents[1] / "caffe_torch" / "layers" / "fork"
#: Types that compute nothing on a device: they read, or only look at shapes, or are the user's own in NumPy.
IDLE = {"Data", "Input", "DummyData", "Python", "PriorBox", "Proposal", "Split", "Silence", "Parameter"}
#: Types of Caffe's forks, which have tests of their own.
FORKS = {kind for kind, cls in REGISTRY.items() if cls.__module__.startswith("caffe_torch.layers.fork.")}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A working directory beside the files that the cases read."""
    folder = tmp_path_factory.mktemp("parity")
    (folder / "files").mkdir()
    (folder / "run").mkdir()
    files.write(folder / "files")
    return folder / "run"


@pytest.fixture
def inside(place, monkeypatch) -> None:
    monkeypatch.chdir(place)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer(case: Case, inside: None) -> None:
    job = case.as_job()
    expected = runner.run_net(caffe, job)
    with on_the_device() as counts:
        result = runner.run_net(caffe, job)
    assert counts.kernels_of() or case.type in IDLE, "nothing was computed on the device"
    assert_same(result, expected, max(case.tolerance, 1e-5))


@pytest.mark.parametrize("case", {case.type: case for case in reversed(CASES)}.values(), ids=lambda case: case.type)
def test_a_layer_without_float64(case: Case, inside: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that refuses it, as Apple's does, the layers sum in float32."""
    monkeypatch.setattr(accelerator, "_SINGLE", ("mps", emulated.NAME))
    job = case.as_job()
    expected = runner.run_net(caffe, job)
    with on_the_device(), emulated.without_float64():
        result = runner.run_net(caffe, job)
    assert_same(result, expected, max(case.tolerance, 1e-5))


@pytest.mark.parametrize("case", FORK_CASES, ids=lambda case: case.name)
def test_fork_layer(case: ForkCase, tmp_path: Path) -> None:
    inputs = named(case.inputs)
    text = "force_backward: true\n" + "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {n}' for n in array.shape)} }} }} }}\n"
        for name, array in inputs.items()
    )
    (tmp_path / "net.prototxt").write_text(text + case.layers)

    def run() -> dict:
        net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
        runner.fill(net, {}, 1)
        for name, array in inputs.items():
            net.blobs[name].data[...] = array
        net.forward()
        return {name: blob.data.copy() for name, blob in net.blobs.items()}

    expected = run()
    with on_the_device() as counts:
        result = run()
    assert counts.kernels_of() or case.type in IDLE, "nothing was computed on the device"
    assert_same(result, expected)


def test_the_layers_of_forks_pass_their_own_tests() -> None:
    """All of tests/caffe_torch/layers/fork in GPU mode; gradients are compared with the CPU's."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(FORK_TESTS)],
        capture_output=True, text=True, timeout=300, env={**os.environ, "MULTIWEIGHT_TEST_ON_DEVICE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_layer_type_has_run_here() -> None:
    """But for those that read or write files, which do so on the host; a test elsewhere says that no fork's is left."""
    run = {case.type for case in CASES}
    assert set(REGISTRY) - run - set(WITHOUT_CASE) == FORKS
