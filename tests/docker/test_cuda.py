"""The image for today's GPUs: what its scripts refuse in one sentence, and that what was built is what stands here."""

import hashlib
import re
from pathlib import Path

import pytest
from scripts import DOCKER, ROOT, call, program, refused

BUILD, CHECK_GPU = DOCKER / "cuda" / "build.sh", DOCKER / "cuda" / "check_gpu.sh"
RECORD = DOCKER / "cuda" / "record.txt"


@pytest.mark.parametrize("architectures, ptx, words", [
    ("3.5 9.0", "8.0", ["ARCHITECTURES=3.5 9.0", "9.0 is not", "3.5 to 8.6"]),
    ("3.5", "compute_80", ["PTX=compute_80"]),
    ("35", "8.0", ["35 is not"]),
    ("", "8.0", ["expected compute capabilities in both"]),
    ("3.5", "", ["expected compute capabilities in both"]),
])  # fmt: skip
def test_what_cuda_11_2_does_not_compile_for(architectures, ptx, words):
    refused(call("sh", BUILD, "compile", architectures, ptx), *words)


def test_a_call_of_no_step():
    refused(call("sh", BUILD, "all"), "usage: build.sh")
    refused(call("sh", DOCKER / "debian_sources.sh", "", "free"), "usage: debian_sources.sh")


class TestGpu:
    """check-gpu with a ``caffe`` that says what CUDA 11.2 says: its own texts for errors 35, 101, 209 and 222."""

    def run_check_gpu(self, tmp_path, text, status=134, driver=0, gpu="0"):
        bin_folder = program(tmp_path / "bin", "caffe", f"cat <<'END' >&2\n{text}\nEND\nexit {status}")
        program(bin_folder, "python3", f"exit {driver}")
        return call("sh", CHECK_GPU, gpu, path=bin_folder)

    @pytest.mark.parametrize("text, words", [
        ("(35 vs. 0)  CUDA driver version is insufficient for CUDA runtime version", "update it to 460 or newer"),
        ("(101 vs. 0)  invalid device ordinal", "no GPU 0 in here"),
        ("(100 vs. 0)  no CUDA-capable device is detected", "no GPU 0 in here"),
        ("(209 vs. 0)  no kernel image is available for execution on the device", "no code for GPU 0: build it with"),
        ("(222 vs. 0)  the provided PTX was compiled with an unsupported toolchain.", "too old to translate"),
        ("E common.cpp:114] Cannot create Cublas handle. Cublas won't be available.\nF Check failed", "ENGINE=torch"),
        ("F1128 math_functions.cu:26] Check failed: status (15 vs. 0)  CUBLAS_STATUS_NOT_SUPPORTED", "ENGINE=torch"),
        ("I first\nF1128 x.cu:1] Check failed: (719 vs. 0)  unspecified launch failure\n@ 0x1", "unspecified launch"),
    ])  # fmt: skip
    def test_what_cuda_says_becomes_what_to_do(self, tmp_path, text, words):
        refused(self.run_check_gpu(tmp_path, text), words)

    def test_a_gpu_that_computes(self, tmp_path):
        done = self.run_check_gpu(tmp_path, "Average Forward-Backward: 1 ms.", status=0)
        assert done.returncode == 0 and done.stdout == "GPU 0: the original computes on it\n"
        # The process goes on without cuBLAS, and its time then means nothing.
        refused(self.run_check_gpu(tmp_path, "Cannot create Cublas handle.", status=0), "cuBLAS")

    def test_no_driver_and_no_number(self, tmp_path):
        refused(
            self.run_check_gpu(tmp_path, "", driver=1), "no NVIDIA driver", "NVIDIA container toolkit", "--gpus all"
        )
        refused(self.run_check_gpu(tmp_path, "", gpu="all"), "GPU=all", "one number")


@pytest.mark.parametrize("words, image, gpu", [
    (["docker-train-multiweight", "GPU=1"], "multiweight-cuda", True),
    (["docker-train-multiweight", "IMAGE=multiweight-gpu"], "multiweight-gpu", True),
    (["docker-run", "CMD=true"], "multiweight-cpu", False),
    (["docker-run", "CMD=true", "IMAGE=multiweight-cuda"], "multiweight-cuda", True),
])  # fmt: skip
def test_make_takes_the_image_and_the_gpus(words, image, gpu, tmp_path):
    bin_folder = program(tmp_path / "bin", "docker", '[ "$1" != run ] || printf "%s\\n" "$@"')
    done = call("make", "--no-print-directory", "-C", ROOT, *words, f"RUNS={tmp_path}/runs", path=bin_folder)
    output = done.stdout.splitlines()
    assert image in output and ("--gpus" in output) == gpu, done.stdout + done.stderr
    if words[0] == "docker-train-multiweight":
        run = f"{tmp_path}/runs/sample-shop/multi_weight"
        assert output[-3:] == ["train-run", run, "1" if "GPU=1" in words else "0"]


def test_make_builds_with_what_is_given(tmp_path):
    bin_folder = program(tmp_path / "bin", "docker", 'echo "kit $DOCKER_BUILDKIT"; printf "%s\\n" "$@"')
    words = (
        "make",
        "--no-print-directory",
        "-C",
        ROOT,
        "docker-cuda",
        "ARCHITECTURES=6.1 7.5",
        "MIRROR=http://m/debian",
    )
    output = call(*words, path=bin_folder).stdout.splitlines()
    assert output[0] == "kit 1" and output[-1] == "." and "PTX" not in str(output)
    assert (
        "ARCHITECTURES=6.1 7.5" in output and "MIRROR=http://m/debian" in output and "docker/cuda/Dockerfile" in output
    )


def recorded():
    """Hash by file, and the other lines, of what cuda/check.sh wrote."""
    lines = [line for line in RECORD.read_text().splitlines() if not line.startswith("#")]
    hashes = dict(line.split("  ")[::-1] for line in lines if re.match(r"[0-9a-f]{64}  ", line))
    return hashes, [line for line in lines if not re.match(r"[0-9a-f]{64}  ", line)]


def test_the_steps_are_those_that_were_run():
    """The image is not built in CI: an hour of compiling. Comments may change; anything else asks for a new run."""
    hashes, _ = recorded()
    assert set(hashes) == {
        "docker/cuda/Dockerfile", "docker/cuda/build.sh", "docker/debian_sources.sh", "docker/install_original.sh",
    }  # fmt: skip
    for name, expected in hashes.items():
        code = [line for line in (ROOT / name).read_text().splitlines(True) if not re.match(r" *#", line)]
        result = hashlib.sha256("".join(code).encode()).hexdigest()
        assert result == expected, f"{name} is not what docker/cuda/record.txt tells of: run docker/cuda/check.sh"


def test_the_steps_name_files_that_are_there():
    """Every script that a RUN of the Dockerfile calls was copied before, under the name it is called by."""
    copied, called = set(), set()
    for line in (DOCKER / "cuda/Dockerfile").read_text().splitlines():
        words = line.split()
        if words[:1] == ["COPY"] and words[-1].endswith("bin/"):
            copied |= {Path(source).name for source in words[1:-1]}
        elif words[:1] == ["COPY"]:
            copied.add(Path(words[-1]).name)
        elif words[:1] == ["RUN"]:
            called |= set(re.findall(r"\b\w+\.sh\b", line))
    assert called == {"build.sh", "install_original.sh"} and called <= copied


def test_the_record_has_the_code_that_the_dockerfile_asks_for():
    _, figures = recorded()
    arguments = dict(re.findall(r'^ARG (\w+)="?([\d. ]+)"?$', (DOCKER / "cuda/Dockerfile").read_text(), re.MULTILINE))
    assert f"in libcaffe, cubin: {arguments['ARCHITECTURES'].replace('.', '')}" in figures
    assert f"in libcaffe, ptx: {arguments['PTX'].replace('.', '')}" in figures
    parity = next(line for line in figures if line.startswith("parity: "))
    assert re.search(r"\d+ passed", parity) and "failed" not in parity
