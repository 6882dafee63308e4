"""An extraction that is killed goes on from the rows that were noted; rows of other weights are not used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from checkout import REPOSITORY

from multiweight.features import extraction
from tiny_features import expected, run


class Killed(BaseException):
    pass


def test_a_killed_extraction_goes_on_where_it_was(caffe, case, monkeypatch):
    calls, way = [], extraction.forward

    def forward(net, inputs, blobs, views):
        calls.append(len(inputs))
        if len(calls) == 3:
            raise Killed
        return way(net, inputs, blobs, views)

    monkeypatch.setattr(extraction, "forward", forward)
    with pytest.raises(Killed):
        run(caffe, case, batch=2)
    assert not case.output.exists() and calls == [2, 2, 2]
    assert run(caffe, case, batch=3)
    # Four images were done: three are left.
    assert calls[3:] == [3]
    np.testing.assert_allclose(extraction.load(case.output).values, expected(case), rtol=1e-5, atol=1e-5)
    assert sorted(p.name for p in case.folder.glob("features*")) == ["features.h5"]


def test_a_process_killed_outright_goes_on(caffe, case):
    """SIGKILL between two batches: what was noted is kept, what was not is done again."""
    script = f"""
import os, signal
from multiweight.base import engine
from multiweight.features import extraction, partial_rows
from multiweight.features.settings import Settings
partial_rows._SECONDS = 0
caffe, way, calls = engine.select(), extraction.forward, []
caffe.set_mode_cpu()
def forward(*args):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return way(*args)
extraction.forward = forward
extraction.extract(caffe, {str(case.deploy)!r}, {str(case.images)!r}, {str(case.output)!r},
                   weights={str(case.weights)!r}, mean={str(case.mean)!r}, settings=Settings(batch=2), variant="tiny")
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python")}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == -signal.SIGKILL
    assert json.loads((case.folder / "features.h5.part.json").read_text())["done"] == 4
    assert run(caffe, case)
    np.testing.assert_allclose(extraction.load(case.output).values, expected(case), rtol=1e-5, atol=1e-5)


def test_rows_of_other_weights_are_not_gone_on_with(caffe, case, monkeypatch):
    way = extraction.forward
    monkeypatch.setattr(extraction, "forward", lambda *args: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        run(caffe, case)
    monkeypatch.setattr(extraction, "forward", way)
    case.weights.write_bytes(case.weights.read_bytes())
    run(caffe, case, weights=None, seed=3)
    other = extraction.load(case.output).values
    case.output.unlink()
    run(caffe, case, weights=None, seed=3)
    np.testing.assert_array_equal(extraction.load(case.output).values, other)
