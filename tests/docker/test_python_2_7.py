"""The loss layer under a real Python 2.7, the GPU image's, against this Python: the same file, the same numbers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import unchecked

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = Path(__file__).with_name("layer_numbers.py")
# Where .ci/run puts NumPy for it, since 2.7 seldom has one: pip install --target build/python2.7 numpy==1.16.6
PACKAGES = ROOT / "build" / "python2.7"


def numbers(python):
    env = {
        **os.environ,
        "PYTHONPATH": str(PACKAGES) if "2.7" in Path(python).name else "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [python, str(NUMBERS), str(ROOT / "python")]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120)


def test_python_2_7_computes_the_same():
    python = os.environ.get("MULTIWEIGHT_PYTHON27") or shutil.which("python2.7")
    python_is_named = "MULTIWEIGHT_PYTHON27" in os.environ
    done = numbers(python) if python else None
    if done is None or (done.returncode != 0 and not python_is_named):
        why = (
            "no Python 2.7 with NumPy here" if done is None else f"{python} does not run: {done.stderr.strip()[-200:]}"
        )
        unchecked.skip("the layers under Python 2.7", f"{why}; MULTIWEIGHT_PYTHON27 names one elsewhere")
    assert done.returncode == 0, done.stderr
    theirs, ours = json.loads(done.stdout), json.loads(numbers(sys.executable).stdout)
    assert theirs["python"] == "2.7" and ours["python"] != "2.7"
    assert theirs["tops"] == pytest.approx(ours["tops"], rel=1e-6) and theirs["tops"][0] > 1
    for their_values, our_values in zip(theirs["diffs"], ours["diffs"]):
        assert np.allclose(their_values, our_values, rtol=1e-5, atol=1e-7)
    assert np.abs(theirs["diffs"][0]).max() > 0.01
    for name, (total, blobs, diffs) in ours["changing"].items():
        result = theirs["changing"][name]
        assert result[0] == pytest.approx(total, rel=1e-6), name
        for their_values, our_values in zip([*result[1], *result[2]], [*blobs, *diffs]):
            assert np.allclose(their_values, our_values, rtol=1e-5, atol=1e-7), name
    assert len(ours["changing"]) == 2
    assert "gamma -1" in theirs["errors"]["negative"] and "1 weights" in theirs["errors"]["count"]
