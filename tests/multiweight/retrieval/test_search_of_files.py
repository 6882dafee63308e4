"""Searches of features files: read by panels, stopped and gone on with, shared by processes, within their memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import unchecked
from checkout import REPOSITORY

from brute_force import nearest
from multiweight.base.errors import UserError
from multiweight.retrieval import nearest as retrieval
from multiweight.retrieval import plan, search
from multiweight.retrieval.nearest import top_k
from multiweight.retrieval.rows import Rows
from searches import written


def test_a_file_read_by_panels_gives_the_same_as_an_array(tmp_path):
    x = np.random.default_rng(1).normal(size=(1500, 64)).astype(np.float32)
    path = written(tmp_path / "f.h5", x)
    expected = top_k(x, 7)
    with h5py.File(str(path), "r") as file:
        for source in (path, str(path), file["fc7"]):
            # 1 MB: some panels of a few hundred rows.
            assert plan.plan(Rows(file["fc7"]), None, 7, 1 << 20, 1, None).panel < 800
            result = top_k(source, 7, memory=1 << 20)
            np.testing.assert_array_equal(result[0], expected[0])
            np.testing.assert_array_equal(result[1], expected[1])


def test_float16_storage_is_read_as_its_values(tmp_path):
    x = np.random.default_rng(1).normal(size=(80, 16)).astype(np.float16)
    result = top_k(written(tmp_path / "f.h5", x, np.float16), 5)
    np.testing.assert_array_equal(result[0], nearest(x.astype(np.float32), x.astype(np.float32), 5, "cosine", True)[0])


def test_mistakes_are_named(tmp_path):
    x = np.ones((50, 4), np.float32)
    x[[7, 9]] = np.nan
    with pytest.raises(UserError, match="2 image.s.: id7, id9"):
        top_k(written(tmp_path / "f.h5", x))
    path = written(tmp_path / "cut.h5", np.ones((500, 50)))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="not a whole features file"):
        top_k(path)
    with pytest.raises(UserError, match="queries of 4 values, candidates of 5"):
        top_k(np.ones((2, 4)), candidates=np.ones((2, 5)))
    with pytest.raises(UserError, match="memory of 0 MB is too little for 2000 rows of 64 values, k = 50: give 5 MB"):
        top_k(written(tmp_path / "g.h5", np.ones((2000, 64))), memory=1000)


def test_a_damaged_part_of_a_file_is_named(tmp_path):
    """The file opens whole, and a checksum tells in the middle of the search that some rows are wrong."""
    x = np.random.default_rng(1).normal(size=(4000, 16)).astype(np.float32)
    path = written(tmp_path / "f.h5", x)
    with h5py.File(str(path), "a") as file:
        del file["fc7"]
        file.create_dataset("fc7", data=x, chunks=(400, 16), fletcher32=True)
        place = file["fc7"].id.get_chunk_info(5).byte_offset
    damaged = bytearray(path.read_bytes())
    damaged[place + 50] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(
        UserError, match=r"f.h5: rows \d+ to \d+ cannot be read .*: extract the features again"
    ) as error:
        top_k(path, 5)
    first, last = map(int, re.findall(r"rows (\d+) to (\d+)", str(error.value))[0])
    assert first < 2400 and last >= 2000


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="absent.h5: no such features file.*make features"):
        top_k(tmp_path / "absent.h5")


class Stop(Exception):
    pass


def test_a_stopped_search_goes_on(tmp_path, monkeypatch):
    x = np.random.default_rng(1).normal(size=(1500, 64)).astype(np.float32)
    path, state = written(tmp_path / "f.h5", x), tmp_path / "state.npz"
    done, way = [], search.Search.search_tile

    def do(self, rows, columns, progress=None):
        if len(done) == 4:
            raise Stop
        done.append((rows, columns))
        way(self, rows, columns, progress)

    monkeypatch.setattr(search.Search, "search_tile", do)
    with pytest.raises(Stop):
        top_k(path, 7, memory=1 << 20, state=state)
    before = list(done)
    done.insert(0, None)  # never 4 again at the check
    done[:] = [None] * 10
    rows_reported = []
    result = top_k(path, 7, memory=1 << 20, state=state, progress=rows_reported.append)
    assert not set(before) & set(done[10:]) and sum(rows_reported) == 1500
    np.testing.assert_array_equal(result[0], top_k(x, 7)[0])
    with pytest.raises(UserError, match="state of another search"):
        top_k(path, 8, memory=1 << 20, state=state)
    mirrored = x * np.where(np.arange(64) == 3, -1, 1).astype(np.float32)  # of the same lengths
    mirrored[::2] = x[::2]
    with pytest.raises(UserError, match="state of another search"):
        top_k(written(tmp_path / "g.h5", mirrored), 7, memory=1 << 20, state=state)
    for content in (b"PK nonsense", b""):
        state.write_bytes(content)
        with pytest.raises(UserError, match="not a search's state"):
            top_k(path, 7, memory=1 << 20, state=state)


SHARED = """
import json, sys
import numpy as np
from multiweight.retrieval import top_k
indices, scores = top_k(sys.argv[1], 6, sys.argv[2], threads=1, device="cpu")
np.savez(sys.argv[3] + __import__("os").environ["RANK"], indices=indices, scores=scores)
"""


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_under_torchrun_give_the_same(tmp_path, processes):
    unchecked.package("torch", "a search that processes share")
    x = np.random.default_rng(1).normal(size=(400, 32)).astype(np.float32)
    x[300:] = x[:100]
    path, script = written(tmp_path / "f.h5", x), tmp_path / "script.py"
    script.write_text(SHARED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1"}
    for metric in retrieval.METRICS:
        done = subprocess.run(
            [*command, str(script), str(path), metric, str(tmp_path / metric)],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        expected = top_k(x, 6, metric)
        for rank in range(processes):
            result = np.load(tmp_path / f"{metric}{rank}.npz")
            np.testing.assert_array_equal(result["indices"], expected[0])
            np.testing.assert_array_equal(result["scores"], expected[1])


@unchecked.unless(sys.platform.startswith("linux"), "the search's memory", "it is read from Linux's /proc")
def test_memory_stays_below_the_bound(tmp_path):
    """49 MB of features, streamed by a process that may take 16 MB beside its libraries; 12 more are the heaps' of its
    three threads, and all of it is well below the features.

    The first search loads the libraries, whose buffers are made as the first panels come.
    """
    x = np.random.default_rng(1).normal(size=(6000, 2048)).astype(np.float32)
    path, small = written(tmp_path / "f.h5", x), written(tmp_path / "small.h5", x[:2000])
    script = f"""
import json, resource, sys
import numpy as np
from multiweight.retrieval import nearest
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) << 10
nearest.top_k({str(small)!r}, 10, memory=16 << 20, device="cpu", threads=1)
before = peak()
nearest.top_k({str(path)!r}, 10, memory=16 << 20, device="cpu", threads=1)
print(json.dumps(peak() - before))
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) < 28 << 20


def test_a_file_with_keys_that_are_no_text_is_named(tmp_path):
    path = written(tmp_path / "f.h5", np.eye(3))
    with h5py.File(str(path), "a") as file:
        del file["keys"]
        file["keys"] = np.array([b"a", b"\xff", b"c"])
    with pytest.raises(UserError, match="f.h5: a key is not UTF-8"):
        top_k(path, 1)
