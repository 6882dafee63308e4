"""Run nets in OpenCV 4's importer: `python opencv_runner.py FOLDER`, where every job has a net, weights and inputs.

Of job NAME: NAME.prototxt, NAME.caffemodel (maybe), NAME.in.npz; it writes NAME.out.npz or NAME.error.
"""

import sys
import traceback
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def run(folder: Path, name: str) -> None:
    weights = folder / f"{name}.caffemodel"
    read: Any = getattr(cv2.dnn, "readNetFromCaffe")  # noqa: B009  (OpenCV 4 has it, the stubs of OpenCV 5 do not)
    net = read(str(folder / f"{name}.prototxt"), *([str(weights)] if weights.exists() else []))
    with np.load(folder / f"{name}.in.npz") as inputs:
        for blob in inputs.files:
            net.setInput(inputs[blob], blob)
    names = net.getUnconnectedOutLayersNames()
    np.savez(folder / f"{name}.out.npz", **dict(zip(names, net.forward(names))))


def main(folder: Path) -> None:
    cv2.setNumThreads(1)
    for path in sorted(folder.glob("*.in.npz")):
        name = path.name.removesuffix(".in.npz")
        print(name, flush=True)
        try:
            run(folder, name)
        except Exception:
            (folder / f"{name}.error").write_text(traceback.format_exc())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
