"""caffe-torch by itself: real signals, several processes, the bar on a terminal, flags, and mistakes in one line."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

import pytest

from caffe_torch.cli import command as cli
from caffe_torch.files import whole_file, wire
from commands import PYTHON, Command, write

TRAIN = ("train", "--solver=solver.prototxt")
LINE = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ")


def without_parameters(lines):
    """The lines but those of the .prototxt that follow "from parameters"."""
    result, inside = [], False
    for line in lines:
        inside = line.endswith("from parameters: ") if LINE.match(line) else inside
        if LINE.match(line) or not inside:
            result.append(line)
    return result


@pytest.fixture
def endless(tmp_path):
    return write(tmp_path / "t", "max_iter: 1000000 display: 1")


def test_sighup_snapshots_and_sigint_stops(endless):
    command = Command(endless, *TRAIN)
    command.wait_for("Iteration 3 ")
    command.process.send_signal(signal.SIGHUP)
    command.wait_for("Snapshotting solver state")
    at = max(int(n) for n in re.findall(r"Iteration (\d+) ", command.log))
    command.wait_for(f"Iteration {at + 3} ")
    command.process.send_signal(signal.SIGINT)
    output = command.end(0)
    assert "Optimization stopped early." in output and "Traceback" not in output
    assert output.count("Snapshotting solver state") == 2
    assert len(list(endless.glob("s_iter_*.solverstate"))) == 2


def test_the_flags_say_what_signals_do(endless):
    command = Command(endless, *TRAIN, "-sigint_effect=snapshot", "--sighup_effect", "none")
    command.wait_for("Iteration 3 ")
    command.process.send_signal(signal.SIGHUP)
    command.process.send_signal(signal.SIGINT)
    command.wait_for("Snapshotting solver state")
    at = max(int(n) for n in re.findall(r"Iteration (\d+) ", command.log))
    command.wait_for(f"Iteration {at + 3} ")
    assert command.log.count("Snapshotting solver state") == 1
    command.process.send_signal(signal.SIGTERM)  # not Caffe's: ends at once
    assert command.process.wait(20) == -signal.SIGTERM


def test_a_stop_while_testing_interrupts_the_test(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 100 test_iter: 1000000 test_interval: 50")
    command = Command(folder, *TRAIN)
    command.wait_for("Testing net (#0)")
    command.process.send_signal(signal.SIGINT)
    assert "Test interrupted." in command.end(0)
    assert (folder / "s_iter_0.solverstate").exists()


def test_one_process_a_gpu_stops_and_snapshots_together(endless):
    """What --gpu 0,1 starts, here on the CPU."""
    run = "import sys; from caffe_torch.cli import processes; sys.exit(processes.run(sys.argv[1:], 2))"
    command = Command(endless, *TRAIN, launch=("-c", run))
    command.wait_for("Iteration 3 ")
    command.process.send_signal(signal.SIGHUP)
    command.wait_for("Snapshotting solver state")
    command.process.send_signal(signal.SIGINT)
    output = command.end(0)
    states = sorted(endless.glob("s_iter_*.solverstate"))
    assert output.count("Optimization stopped early.") == 1 and len(states) == 2
    for state in states:
        for rank in (0, 1):
            assert state.with_name(state.name.replace("solverstate", f"resume.{rank}.json")).exists()


def test_a_failure_of_one_process_ends_all(tmp_path):
    folder = write(tmp_path / "t", 'max_iter: 5 type: "Unheard"')
    run = "import sys; from caffe_torch.cli import processes; sys.exit(processes.run(sys.argv[1:], 2))"
    output = Command(folder, *TRAIN, launch=("-c", run)).end(1)
    assert "error: solver: solver type 'Unheard' is unknown" in output


def test_processes_and_torchrun_agree(tmp_path):
    results = []
    run = "import sys; from caffe_torch.cli import processes; sys.exit(processes.run(sys.argv[1:], 2))"
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "caffe_torch")
    for name, launch in (("own", ("-c", run)), ("torchrun", torchrun)):
        folder = write(tmp_path / name, "max_iter: 3")
        Command(folder, *TRAIN, launch=launch).end()
        results.append((folder / "s_iter_3.caffemodel").read_bytes())
    assert results[0] == results[1]


def test_a_terminal_gets_a_bar_and_whole_lines(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 6 display: 2")
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "caffe_torch", *TRAIN],
        cwd=folder, stderr=follower, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": f"{PYTHON}:{folder}", "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    output = b""
    try:
        while piece := os.read(leader, 65536):
            output += piece
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    assert process.wait(60) == 0
    text = output.decode()
    assert re.search(r"6/6 \[", text) and "it/s" in text
    # What is left of each row after the carriage returns is a line of the log, a bar, or nothing.
    rows = [re.sub(r"\x1b\[[A-Z0-9]*", "", row).split("\r")[-1] for row in text.replace("\r\n", "\n").split("\n")]
    assert sum(bool(LINE.match(row)) for row in rows) > 20
    rows = without_parameters(rows)
    assert all(LINE.match(row) or "it/s" in row or "?it" in row or not row.strip() for row in rows), rows


def test_no_bar_without_a_terminal(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 3 display: 1")
    output = Command(folder, *TRAIN).end()
    assert "it/s" not in output and "\r" not in output
    assert all(LINE.match(line) for line in without_parameters(output.splitlines()))


@pytest.mark.parametrize(
    "words, message",
    [
        (["train"], "needs --solver"),
        (["train", "--solver=s", "--weights=w", "--snapshot=s"], "not both"),
        (["train", "--solver", "no.prototxt"], "no.prototxt: cannot be read"),
        (["test", "-model=m"], "needs --weights"),
        (["time"], "needs --model"),
        (["time", "--model=m", "--gpu=zero"], "--gpu zero: expected numbers"),
        (["device_query", "--gpu=99"], "there is no GPU 99"),
    ],
)
def test_a_mistake_is_one_line(words, message, capsys):
    assert cli.main(words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not LINE.match(line)] == [line for line in lines if line.startswith("error: ")]
    assert message in lines[-1]


def test_gpus_are_left_alone_where_the_cpu_is_forced(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CAFFE_TORCH_FORCE_CPU", "1")
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 } } }'
    )
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 1 lr_policy: "fixed" max_iter: 1 solver_mode: GPU device_id: 99 '
        f'snapshot_prefix: "{tmp_path}/s"'
    )
    for flag in ([], ["--gpu=99"], ["--gpu=all"]):
        assert cli.main(["train", f"--solver={tmp_path}/solver.prototxt", *flag]) == 0
        assert "CAFFE_TORCH_FORCE_CPU keeps it on the CPU" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["train", "--solvr=x"], ["fly"], []])
def test_unknown_words_show_the_usage(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    assert "usage: caffe-torch" in capsys.readouterr().err


@pytest.mark.parametrize("launch", ["caffe_torch", "caffe_torch.cli.command"])
def test_the_version(tmp_path, launch):
    for word in ("-version", "--version"):
        assert Command(tmp_path, word, launch=("-m", launch)).end(0).startswith("caffe version 1.0.0")


def test_glogs_flags_are_passed_over(capsys):
    flags = "--stderrthreshold=2 -v 1 --vmodule a=1,b=2 --colorlogtostderr --logbufsecs 0 -nologtostderr"
    assert cli.main([*flags.split(), "time", "-noalsologtostderr", "--model=no.prototxt", "--logtostderr=1"]) == 1
    assert "no.prototxt: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--forbid_python", "-forbid_python", "--forbid-python", "-forbid-python"])
def test_python_layers_can_be_forbidden(tmp_path, monkeypatch, capsys, flag):
    monkeypatch.setenv("CAFFE_TORCH_FORBID_PYTHON", "0")  # so that it is put back
    folder = write(tmp_path / "t", "max_iter: 1")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    assert cli.main([*TRAIN, flag]) == 1
    output = capsys.readouterr().err
    assert "error: layer 'fromnumpy' (Python): Python layers are forbidden here" in output and "drawing_layer" in output
    assert "drawing_layer" not in sys.modules


def test_every_flag_of_the_original_may_have_hyphens(capsys):
    assert cli.main(["train", "--solver=no.prototxt", "-sigint-effect=none", "--log-dir", "/no/folder"]) == 1
    assert "/no/folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "test", "time", "device_query"])
def test_a_flag_of_export_is_refused_elsewhere(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main([command, "--batch=64", "--any_size"])
    assert f"{command} has no --batch and no --any_size: a flag of export" in capsys.readouterr().err
    assert cli.main(["time", "--iterations=0", "--snapshot=x"]) == 1  # the original's own are taken, as there
    assert "time: needs --model" in capsys.readouterr().err


def test_ctrl_c_ends_in_status_130(monkeypatch, capsys):
    from caffe_torch.cli import timing

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(timing, "Net", interrupted)
    assert cli.main(["time", "--model=m"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"


def test_a_copy_of_the_log(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 1")
    output = Command(folder, "-alsologtostderr", *TRAIN, "-log_dir=.", launch=("-m", "caffe_torch.cli.command")).end()
    assert (folder / "caffe.INFO").read_text() == output


def test_weights_of_several_files(tmp_path):
    folder = write(tmp_path / "t", "max_iter: 0")
    Command(folder, *TRAIN).end()
    first = {n: a for n, a in wire.read_net(folder / "s_iter_0.caffemodel").items() if a}
    parts = []
    for name in ("fc1", "fc2"):
        parts.append(f"{name}.caffemodel")
        stored = wire.StoredLayer(wire.caffe_pb2.LayerParameter(name=name), [a + 1 for a in first[name]])
        whole_file.write(folder / parts[-1], lambda file, stored=stored: wire.write_net(file, "n", [stored]))
    output = Command(folder, *TRAIN, "--weights", ",".join(parts)).end()
    assert output.count("Finetuning from") == 2
    second = wire.read_net(folder / "s_iter_0.caffemodel")
    for name, arrays in first.items():
        for a, b in zip(arrays, second[name]):
            assert (b == (a + 1 if name in ("fc1", "fc2") else a)).all()


LISTENING = """
import os, sys
from caffe_torch.cli import processes

def say(line):  # one write a line: print() makes two where Python does not buffer, and processes' halves would mix
    os.write(1, (line + chr(10)).encode())

def look(argv):
    import torch.distributed as dist
    from caffe_torch.runtime import distributed
    distributed.join()
    dist.barrier()
    held = set()
    for pid in (os.getpid(), os.getppid()):
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                held.add(os.readlink(f"/proc/{pid}/fd/{name}"))
            except OSError:
                pass
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as file:
            for row in file.read().splitlines()[1:]:
                words = row.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in held:
                    say("listens " + words[1].split(":")[0])
    dist.barrier()
    distributed.leave()
    say("joined")

if __name__ == "__main__":
    sys.exit(processes.run([], 2, look))
"""


def test_processes_of_one_machine_listen_on_it_alone(tmp_path):
    (tmp_path / "listening.py").write_text(LISTENING)
    done = subprocess.run(
        [sys.executable, "listening.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(PYTHON), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.count("joined") == 2, done.stderr
    addresses = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("listens")}
    assert addresses <= {"0100007F"}  # 127.0.0.1
