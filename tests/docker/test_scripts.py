"""The shell scripts of docker/: what they refuse in one sentence, and the commands they give; check.sh runs them."""

import os
import sys

import pytest
import unchecked
from scripts import DOCKER, ROOT, call, program, refused

SCRIPTS = sorted(DOCKER.glob("**/*.sh"))


def test_every_script_is_executable_and_reads_as_shell():
    assert len(SCRIPTS) == 10
    for script in SCRIPTS:
        shell = script.read_text().splitlines()[0].split("/")[-1].split()[-1]
        assert os.access(script, os.X_OK) and shell in ("sh", "bash")
        assert call(shell, "-n", script).returncode == 0


def test_shellcheck_finds_nothing():
    unchecked.program("shellcheck", "the scripts of docker/", "apt-get install shellcheck")
    done = call("shellcheck", "-x", *SCRIPTS, cwd=ROOT)
    assert done.returncode == 0, done.stdout


class TestRun:
    SCRIPT = DOCKER / "run.sh"

    def fake_docker(self, tmp_path, image=0, daemon=0):
        body = (
            f'case "$1 ${{2:-}}" in "version "*) exit {daemon} ;; "image inspect") exit {image} ;; esac\n'
            'printf "%s\\n" "$@"'
        )
        return program(tmp_path / "bin", "docker", body)

    def test_the_user_and_the_folders_are_the_callers(self, tmp_path):
        photos = tmp_path / "my photos"
        photos.mkdir()
        command = ("make", "lmdb", "NET=--dropout 0")
        words = (self.SCRIPT, "multiweight-cpu", ROOT / "runs", photos, tmp_path / "absent", "--", *command)
        output = call(*words, path=self.fake_docker(tmp_path)).stdout.splitlines()
        assert output[:2] == ["run", "--rm"]
        assert output[output.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
        assert output[output.index("--workdir") + 1] == str(ROOT)
        mounted = [output[i + 1] for i, word in enumerate(output) if word == "--volume"]
        assert mounted == [f"{ROOT}:{ROOT}", f"{photos}:{photos}"]
        assert output[-4:] == ["multiweight-cpu", *command]
        assert "--gpus" not in output

    def test_a_gpu_is_asked_for(self, tmp_path):
        output = call(self.SCRIPT, "--gpu", "multiweight-gpu", "--", "true", path=self.fake_docker(tmp_path)).stdout
        assert "--gpus\nall\n" in output

    def test_docker_that_gives_no_gpu(self, tmp_path):
        """125 is the status of docker itself; a command's own failure stays what it is."""
        for status, flags in ((125, ["--gpu"]), (125, []), (3, ["--gpu"])):
            body = f'case "$1" in run) echo "its own words" >&2; exit {status} ;; esac'
            done = call(
                self.SCRIPT, *flags, "multiweight-cuda", "--", "true", path=program(tmp_path / "bin", "docker", body)
            )
            last = done.stderr.splitlines()[-1]
            assert last.startswith("error: Docker gives no GPU: install the NVIDIA container toolkit") == (
                status == 125 and bool(flags)
            )
            assert done.returncode == (2 if last.startswith("error") else status)

    def test_without_docker(self):
        done = call(self.SCRIPT, "multiweight-cpu", "--", "true", env={"DOCKER": "docker-that-is-not-there"})
        refused(done, "not installed", "make original-root")

    def test_without_a_daemon(self, tmp_path):
        path = self.fake_docker(tmp_path, daemon=1)
        refused(call(self.SCRIPT, "multiweight-cpu", "--", "true", path=path), "daemon does not answer")

    def test_without_the_image(self, tmp_path):
        path = self.fake_docker(tmp_path, image=1)
        done = call(self.SCRIPT, "multiweight-gpu", "--", "true", path=path)
        refused(done, "no image multiweight-gpu", "make docker-gpu")

    def test_without_a_command(self, tmp_path):
        refused(call(self.SCRIPT, "multiweight-cpu", tmp_path, "--"), "no command", "CMD=")

    def test_a_folder_that_holds_no_original(self, tmp_path):
        refused(call(self.SCRIPT, tmp_path, "--", "true"), "no original Caffe", "make original-root")


class TestGpuTraining:
    SCRIPT = DOCKER / "train.sh"

    @pytest.fixture
    def run_folder(self, tmp_path):
        folder = tmp_path / "multi_weight"
        (folder / "snapshots").mkdir(parents=True)
        (folder / "solver.prototxt").write_text("")
        return folder

    def caffe_arguments(self, tmp_path, *words):
        done = call("sh", self.SCRIPT, *words, path=program(tmp_path / "bin", "caffe", 'printf "%s\\n" "$@"'))
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def test_from_the_beginning(self, run_folder, tmp_path):
        expected = ["train", "--solver=solver.prototxt"]
        assert self.caffe_arguments(tmp_path, run_folder) == [*expected, "--gpu=0"]
        assert self.caffe_arguments(tmp_path, run_folder, "1") == [*expected, "--gpu=1"]
        assert self.caffe_arguments(tmp_path, run_folder, "none") == expected

    def test_from_the_last_snapshot_by_number(self, run_folder, tmp_path):
        for iteration in (500, 1000, 90):
            (run_folder / "snapshots" / f"multi_weight_iter_{iteration}.solverstate").touch()
        last = "snapshots/multi_weight_iter_1000.solverstate"
        assert self.caffe_arguments(tmp_path, run_folder)[-2:] == ["--gpu=0", f"--snapshot={last}"]

    def test_a_gpu_is_tried_first_where_the_image_has_the_check(self, run_folder, tmp_path):
        bin_folder = program(tmp_path / "bin", "check-gpu", 'echo "error: GPU $1 is not for this" >&2; exit 2')
        program(bin_folder, "caffe", "echo trained")
        done = call("sh", self.SCRIPT, run_folder, "1", path=bin_folder)
        refused(done, "GPU 1 is not for this")
        assert "trained" not in done.stdout
        assert "trained" in call("sh", self.SCRIPT, run_folder, "none", path=bin_folder).stdout

    def test_several_gpus_and_missing_nets(self, run_folder, tmp_path):
        for gpu in ("0,1", "all", "-1"):
            refused(call("sh", self.SCRIPT, run_folder, gpu), f"GPU={gpu}", "Python layers")
        refused(call("sh", self.SCRIPT, tmp_path / "absent"), "make lmdb prototxt")


@pytest.mark.parametrize(
    "target", ["docker-cpu", "docker-cuda", "docker-gpu", "docker-run", "docker-train-multiweight"]
)
def test_make_without_docker(target, tmp_path):
    words = ("make", "--no-print-directory", "-C", ROOT, target, "DOCKER=docker-that-is-not-there", "CMD=true")
    done = call(*words, f"RUNS={tmp_path}/runs")
    first = done.stderr.splitlines()[0]
    assert done.returncode == 2 and first.startswith("error: docker-that-is-not-there is not installed")


def test_the_images_copy_what_is_there():
    """What the Dockerfiles copy exists, and .dockerignore lets it through."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for file in DOCKER.glob("*/Dockerfile"):
        for line in file.read_text().splitlines():
            words = line.split()
            for source in words[1:-1] if words[:1] == ["COPY"] else []:
                assert (ROOT / source).exists(), f"{file}: {source}"
                assert source == "." or source.split("/")[0] in allowed, f"{file}: {source}"


def test_comparing_evaluations(tmp_path):
    def write(root, engine, value):
        folder = tmp_path / root / "multi_weight"
        folder.mkdir(parents=True, exist_ok=True)
        text = f'{{"engine": "{engine}", "mean_map": {value}, "groups": {{"Color": {{"map": {value}}}}}}}'
        (folder / "evaluation.json").write_text(text)

    def status():
        return call(sys.executable, DOCKER / "compare_evaluations.py", tmp_path / "a", tmp_path / "b").returncode

    assert status() == 1  # nothing to compare
    write("a", "caffe", 0.4)
    assert status() == 1
    write("b", "caffe_torch", 0.4005)
    assert status() == 0
    write("b", "caffe_torch", 0.402)
    assert status() == 1
    write("b", "caffe", 0.4)
    assert status() == 1
