"""Who works in a folder: one process at a time, readers beside each other, and no lock outlives its process."""

import json
import os
import signal
import subprocess
import sys

import pytest

from multiweight.base import lock, processes
from multiweight.base.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from multiweight.base import lock

@lock.scope
def work():
    lock.hold(Path(sys.argv[1]), sys.argv[2], shared=sys.argv[3:] == ["shared"])
    print("held", flush=True)
    sys.stdin.read()

work()
"""


class Holder:
    """Another process that works in the folder, until ``end``."""

    def __init__(self, folder, step, *how):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder), step, *how], env=processes.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline() == "held\n"

    def end(self, number=None):
        if number:
            self.process.send_signal(number)
        self.process.communicate()


@lock.scope
def hold(folder, step="report", **how):
    lock.hold(folder, step, **how)
    return json.loads((folder / lock.IN_USE).read_text().splitlines()[-1])


def test_the_second_is_told_who_holds_the_folder(tmp_path):
    first = Holder(tmp_path, "train")
    message = rf"in use by process {first.process.pid} \(train, since \d{{4}}-.*\): wait until it ends"
    with pytest.raises(UserError, match=message):
        hold(tmp_path)
    first.end()
    assert hold(tmp_path)["process"] == os.getpid()
    assert (tmp_path / lock.IN_USE).read_text() == "", "given up with its function"


def test_a_killed_process_holds_nothing(tmp_path):
    Holder(tmp_path, "train").end(signal.SIGKILL)
    assert hold(tmp_path)["step"] == "report"


def test_readers_share_and_a_writer_waits_for_all(tmp_path):
    first, second = Holder(tmp_path, "train", "shared"), Holder(tmp_path, "evaluate", "shared")
    hold(tmp_path, shared=True)
    second.end()
    with pytest.raises(UserError, match=rf"process {first.process.pid} \(train"):
        hold(tmp_path)
    first.end()
    hold(tmp_path)
    writer = Holder(tmp_path, "build-lmdb")
    with pytest.raises(UserError, match="build-lmdb"):
        hold(tmp_path, shared=True)
    writer.end()


def test_what_is_held_may_be_held_again_and_names_are_apart(tmp_path):
    @lock.scope
    def outer():
        lock.hold(tmp_path, "train")
        hold(tmp_path)
        lock.hold(tmp_path, "evaluate", name=lock.RESULTS)
        return (tmp_path / lock.IN_USE).read_text()

    assert '"train"' in outer()
    hold(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_held_by_none(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "open", lambda *a, **k: (_ for _ in ()).throw(PermissionError(13, "no")))

    @lock.scope
    def work():
        lock.hold(tmp_path, "train", shared=True)
        return True

    assert work()
