"""python -m caffe_torch: programs run as Python itself would run them, with caffe meaning this engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import caffe_torch.__main__ as entry

PYTHON = str(Path(__file__).resolve().parents[2] / "python")


def run(folder, *arguments):
    env = {**os.environ, "PYTHONPATH": PYTHON, "GLOG_minloglevel": "2"}
    return subprocess.run(
        [sys.executable, "-m", "caffe_torch", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


SCRIPT = """
import sys, beside
import caffe, caffe.io, caffe.proto.caffe_pb2, caffe.draw, caffe.classifier
from caffe import layers as L, params as P
from caffe.proto import caffe_pb2
assert caffe.proto.caffe_pb2 is caffe_pb2 and caffe.io is sys.modules["caffe_torch.io"]
print(__name__, caffe.__name__, sys.argv[1:], beside.__file__ == sys.path[0] + "/beside.py")
sys.exit(7)
"""


def test_a_script_has_its_arguments_its_folder_its_name_and_its_exit_status(tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/beside.py").write_text("")
    (tmp_path / "scripts/one.py").write_text(SCRIPT)
    done = run(tmp_path, "scripts/one.py", "-m", "--x=1")
    assert (done.returncode, done.stdout) == (7, "__main__ caffe_torch ['-m', '--x=1'] True\n"), done.stderr


def test_a_module_is_found_from_the_current_folder(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/two.py").write_text(
        "import sys, caffe\n"
        "print(__name__, __package__, caffe.__name__, sys.argv[1:], sys.path[0] in ('', sys.argv[1]))\n"
    )
    done = run(tmp_path, "-m", "package.two", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"__main__ package caffe_torch ['{tmp_path}'] True\n"), done.stderr


def test_processes_that_a_program_spawns_find_caffe_too(tmp_path):
    (tmp_path / "three.py").write_text(
        "import multiprocessing, caffe\n"
        "def work(n):\n"
        "    import caffe as again\n"
        "    return again.__name__, n * 2\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(work, [4]))\n"
    )
    done = run(tmp_path, "three.py")
    assert (done.returncode, done.stdout) == (0, "[('caffe_torch', 8)]\n"), done.stderr


def test_an_uncaught_exception_and_its_traceback_are_the_programs_own(tmp_path):
    (tmp_path / "four.py").write_text("import caffe\ncaffe.Net('nonesuch.prototxt', caffe.TEST)\n")
    done = run(tmp_path, "four.py")
    assert done.returncode == 1
    assert 'four.py", line 2' in done.stderr and "nonesuch.prototxt: cannot be read" in done.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "nothing to run"),
        (["nonesuch.py"], "nonesuch.py: no such script"),
        (["-m"], "needs the name of a module"),
        (["--nonesuch"], "unknown option '--nonesuch'"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_the_usage(tmp_path, arguments, words):
    done = run(tmp_path, *arguments)
    assert done.returncode == 2 and words in done.stderr and "usage:" in done.stderr and "Traceback" not in done.stderr


def test_a_first_word_of_the_caffe_command_goes_to_it_whatever_files_there_are(tmp_path, monkeypatch):
    (tmp_path / "train").write_text("raise SystemExit('the file was run')")
    monkeypatch.chdir(tmp_path)
    calls = []
    command = type(sys)("caffe_torch.cli.command")
    command.main = lambda argv: calls.append(argv) or 5
    monkeypatch.setitem(sys.modules, "caffe_torch.cli.command", command)
    assert entry.main(["train", "--solver=s.prototxt"]) == 5
    assert calls == [["train", "--solver=s.prototxt"]]


def test_flags_may_stand_before_the_command(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("caffe_torch.cli.command.main", lambda argv: calls.append(argv) or 3)
    for argv in (["--solver=s", "train"], ["-model", "m", "time"]):
        assert entry.main(argv) == 3
    assert calls == [["--solver=s", "train"], ["-model", "m", "time"]]


OLD = """
import numpy as np, yaml
print(np.float, np.int(3), np.bool is not None)
print(np.fromstring(b"\\x01\\x02", np.uint8).tolist(), np.fromstring("1 2", sep=" "))
print(yaml.load("{a: [1, 2]}"), np.product([2, 3]), np.in1d([1, 2], [2]))
try:
    yaml.load("!!python/object/apply:os.system ['true']")
except yaml.YAMLError as error:
    print(type(error).__name__)
"""


def test_old_names_of_libraries_are_given_back_to_the_program_and_to_nothing_else(tmp_path):
    (tmp_path / "old.py").write_text(OLD)
    done = run(tmp_path, "old.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "<class 'float'> 3 True", "[1, 2] [1. 2.]", "{'a': [1, 2]} 6 [False  True]", "ConstructorError",
    ]  # fmt: skip
    done = run(tmp_path, "--as-is", "old.py")
    assert done.returncode == 1 and "AttributeError" in done.stderr
