import json
import os
import subprocess
import sys
from pathlib import Path

from checkout import REPOSITORY

from multiweight.base import done as steps
from multiweight.records import records
from small_shop import split_shop


def test_twenty_kills_end_with_the_same_bytes(tmp_path):
    dataset = split_shop(tmp_path)
    folder = steps.read(dataset.data / "import.json")["settings"]["folder"]
    for victim in records.read(dataset.split("train"))[:2]:
        path = Path(folder) / victim.image
        path.write_bytes(path.read_bytes()[:-100])
    script = Path(__file__).with_name("kill_packing.py")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "python"), "OMP_NUM_THREADS": "1", "ENGINE": "torch"}
    done = subprocess.run(
        [sys.executable, str(script), str(dataset.root.parent), "20", "5"],
        capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["same"] == [True] * 20
    assert result["actions"] > 40
    assert result["partial"] >= 15 and result["between"] >= 3 and result["inside"] >= 3, result
