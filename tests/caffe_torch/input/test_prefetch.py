"""Batches made ahead, in one thread or several."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from caffe_torch.errors import CaffeError
from caffe_torch.input import prefetch


@pytest.fixture(params=[1, 4])
def threads(request, monkeypatch):
    monkeypatch.setattr(prefetch, "_THREADS", request.param)
    prefetch._pool.cache_clear()
    yield request.param
    prefetch._pool.cache_clear()


def test_every_item_is_made_once(threads):
    counts, makers = np.zeros(50, int), set()

    def work(i):
        counts[i] += 1
        makers.add(threading.get_ident())

    prefetch.in_threads(work, 50)
    assert (counts == 1).all()
    assert (threading.get_ident() in makers) == (threads == 1)


def test_the_first_error_surfaces(threads):
    def work(i):
        if i >= 3:
            raise CaffeError(f"record {i}")

    with pytest.raises(CaffeError, match="record 3"):
        prefetch.in_threads(work, 8)


ENDS_EARLY = """
import torch
from caffe_torch.input.prefetch import Prefetcher

def make():
    x = torch.rand(1200, 1200)
    for _ in range(3):
        x = x @ x
    return x

batches = Prefetcher(make, depth={depth})
batches.next()
{end}
"""


@pytest.mark.parametrize("depth", [1, 1000])
@pytest.mark.parametrize("end, status", [("", 0), ("del batches", 0), ("raise SystemExit(3)", 3)])
def test_a_program_may_end_while_a_batch_is_made(depth, end, status):
    program = ENDS_EARLY.format(depth=depth, end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (status, "")
