"""The small SSD of benchmarks/detection.py learns: 50 iterations on drawn garments, with all of SSD's layers."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_fifty_iterations_bring_the_loss_down(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import detection; from pathlib import Path; "
    code += f"detection.prepare(Path({str(tmp_path)!r}), 50, 64, batch=8)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "caffe_torch", "train", f"--solver={tmp_path}/solver.prototxt"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    losses = [float(value) for value in re.findall(r"Iteration \d+ .*loss = (\S+)", done.stderr)]
    precision = float(re.findall(r"Test net output #0: eval = (\S+)", done.stderr)[-1])
    assert losses[-1] < losses[0] / 2 and 0 <= precision <= 1
