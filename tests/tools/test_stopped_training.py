"""`make train-multiweight`, killed, interrupted and terminated at random moments: it ends as if uninterrupted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import stop_training

LAST = stop_training.ITERATIONS
SCRIPT = Path(__file__).with_name("stop_training.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Four stops, one of each kind; `make stops` takes twenty."""
    command = [sys.executable, str(SCRIPT), str(tmp_path_factory.mktemp("runs")), "--stops", "4", "--seed", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_weights_log_and_train_json_end_as_uninterrupted(found):
    assert len(found["different"]) >= 2 and not any(found["different"]), found


def test_a_training_that_is_asked_to_stop_loses_no_iteration(found):
    asked = [
        one for one in found["stops"] if one["training"] and not one["ended_before"] and one["signal"] != "SIGKILL"
    ]
    assert asked and all(one["to_iteration"] in (one["saved"], LAST) for one in asked), found
    assert not any(one["traceback"] for one in found["stops"]), found
