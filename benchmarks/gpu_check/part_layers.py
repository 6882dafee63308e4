"""Every layer type, forward and backward, GPU against CPU: the cases of the parity suite."""

from __future__ import annotations

import os
from typing import Any

import files
import runner
from cases import CASES
from deviations import deviation
from parts import Target

import caffe_torch as caffe


def measure(target: Target) -> dict[str, Any]:
    """How many cases agree to their tolerance, 1e-4 of a blob's largest value unless a case says more."""
    (target.folder / "files").mkdir()
    (target.folder / "run").mkdir()
    files.write(target.folder / "files")
    os.chdir(target.folder / "run")
    chosen = CASES[::12] if target.emulated else CASES
    worst, apart, failed = ("", 0.0), [], []
    for case in chosen:
        job = case.as_job()
        caffe.set_mode_cpu()
        expected = runner.run_net(caffe, job)
        caffe.set_mode_gpu()
        try:
            results = runner.run_net(caffe, job)
        except Exception as error:
            failed.append(f"{case.name}: {str(error).splitlines()[0][:100] if str(error) else type(error).__name__}")
            continue
        value = max((deviation(results[name], array) for name, array in expected.items()), default=0.0)
        if not value <= max(case.tolerance, 1e-4):
            apart.append(f"{case.name}: {value:.1e}")
        elif value > worst[1]:
            worst = (case.name, value)
    caffe.set_mode_cpu()
    if apart or failed:
        raise RuntimeError(
            f"{len(apart)} of {len(chosen)} cases apart, {len(failed)} failed: {'; '.join(apart + failed)}"
        )
    types = len({case.type for case in chosen})
    return {"cases": len(chosen), "types": types, "worst that agrees": f"{worst[0]}: {worst[1]:.1e}"}
