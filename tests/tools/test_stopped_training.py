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
def outcome(tmp_path_factory):
    """Four stops, one of each kind; `make stops` takes twenty."""
    command = [sys.executable, str(SCRIPT), str(tmp_path_factory.mktemp("runs")), "--stops", "4", "--seed", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_weights_log_and_train_json_end_as_uninterrupted(outcome):
    assert len(outcome["different"]) >= 2 and not any(outcome["different"]), outcome


def test_a_training_that_is_asked_to_stop_loses_no_iteration(outcome):
    by_signal = [
        stop
        for stop in outcome["stops"]
        if stop["training"] and not stop["ended_before"] and stop["signal"] != "SIGKILL"
    ]
    assert by_signal and all(stop["to_iteration"] in (stop["saved"], LAST) for stop in by_signal), outcome
    assert not any(stop["traceback"] for stop in outcome["stops"]), outcome
