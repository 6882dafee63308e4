"""Nets exported for other programs to judge: their values here, in onnxruntime, and in an OpenCV of choice."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from deviations import Table, deviation

from caffe_torch import export
from caffe_torch.net.net import Net

HERE = Path(__file__).resolve().parent
TIMEOUT = 600
COLUMNS = ("onnxruntime", "OpenCV 5 (ONNX)", "OpenCV 4 (Caffe)")
#: What was compared in this run, by section, row and column.
TABLE = Table()
TABLE_FILE = HERE.parents[1] / "docs" / "EXPORT_TABLE.md"
#: The file that it is written to, if any.
TABLE_VARIABLE = "MULTIWEIGHT_EXPORT_TABLE"
#: Program -> case -> why it does not read it, or computes otherwise.
DEPARTURES: dict[str, dict[str, str]] = {}


@dataclass(frozen=True)
class Exported:
    """One net: what it gave, by blob, and how far onnxruntime lies from it at most."""

    name: str
    values: Mapping[str, np.ndarray]
    inputs: Mapping[str, np.ndarray]
    model_inputs: list[str]
    layers: Mapping[str, tuple[str, int]]
    worst: float


def write(net: Net, name: str, folder: Path, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> Exported:
    """Export the net, its batch fixed, and save its weights beside ``NAME.prototxt``; ``inputs`` judge it too."""
    model = folder / f"{name}.onnx"
    first = next(iter(net.inputs))
    batch = net.blobs[first].shape[0] if net.blobs[first].shape else None
    worst = export.onnx(net, model, outputs=outputs, batch=batch, inputs=inputs).worst
    for blob, array in inputs.items():
        net.blobs[blob].data[...] = array
    net.forward()
    layers = {top: (layer, tops.index(top)) for layer, tops in net.top_names.items() for top in tops if top in outputs}
    values = {blob: net.blobs[blob].data.copy() for blob in outputs}
    net.save(str(folder / f"{name}.caffemodel"))
    used = [value.name for value in onnx.load(str(model), load_external_data=False).graph.input]
    return Exported(name, values, dict(inputs), used, layers, worst)


def worst_of(outputs: Mapping[str, np.ndarray], net: Exported) -> float:
    """The largest deviation; OpenCV gives some shapes with axes of 1 more or fewer."""
    if any(outputs[blob].size != array.size for blob, array in net.values.items()):
        return float("inf")
    return max(deviation(outputs[blob].reshape(array.shape), array) for blob, array in net.values.items())


def write_table() -> None:
    """The table of this run, where one is wanted."""
    path = os.environ.get(TABLE_VARIABLE)
    if not path:
        return
    head = (
        "<!-- Written by `make export-table`; not by hand. -->\n\n# Out of Caffe, in numbers\n\n"
        "max|a - b| / max|b| of a blob against the net's own, the worst of all blobs of all cases; empty where the "
        "program does not read the layer.\n`make export-table`; 1e-4 is allowed. [How to export](EXPORT.md).\n\n"
    )
    lines = [head + TABLE.render().rstrip(), "", "## Where OpenCV departs", "", "| | case | why |", "|---|---|---|"]
    for program, cases in DEPARTURES.items():
        lines += [f"| {program} | {name} | {reason} |" for name, reason in cases.items()]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def in_onnxruntime(net: Exported, folder: Path) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(folder / f"{net.name}.onnx"))
    return dict(zip(net.values, session.run(list(net.values), {name: net.inputs[name] for name in net.model_inputs})))


def in_opencv(
    nets: Sequence[Exported], folder: Path, reader: str, python: str | Path
) -> dict[str, dict[str, np.ndarray] | str]:
    """Of every net its outputs, or what was said where it is not read; ``reader`` is onnx or caffe."""
    jobs: list[dict[str, Any]] = []
    for net in nets:
        names = net.model_inputs if reader == "onnx" else list(net.inputs)
        inputs = f"{net.name}.{reader}.inputs.npz"
        np.savez(folder / inputs, **{name: net.inputs[name] for name in names})  # type: ignore[arg-type]
        jobs.append({
            "name": net.name, "reader": reader, "inputs": inputs, "model": f"{net.name}.onnx",
            "prototxt": f"{net.name}.prototxt", "weights": f"{net.name}.caffemodel",
            "outputs": list(net.values), "layers": net.layers,
        })  # fmt: skip
    (folder / "jobs.json").write_text(json.dumps(jobs))
    result: dict[str, dict[str, np.ndarray] | str] = {}
    first = 0
    while first < len(jobs):
        done = subprocess.run(
            [str(python), str(HERE / "opencv_nets.py"), str(folder), str(first)],
            env={**os.environ, "PYTHONPATH": "", "OPENCV_LOG_LEVEL": "SILENT"},
            capture_output=True, text=True, timeout=TIMEOUT, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
        begun = [int(line) for line in done.stdout.split("\n") if line.isdigit()]
        assert begun, f"no job began\n{done.stderr[-2000:]}"
        result[jobs[begun[-1]]["name"]] = f"the process ended with status {done.returncode}"
        first = begun[-1] + 1
    for net in nets:
        if net.name in result:
            continue
        path = folder / f"{net.name}.opencv"
        if (error := path.with_name(path.name + ".error")).exists():
            result[net.name] = error.read_text()
            error.unlink()
            continue
        with np.load(str(path) + ".npz") as file:
            result[net.name] = {blob: file[blob] for blob in file.files}
    return result
