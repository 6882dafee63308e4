"""The initial weights of a net with BatchNorm, whose running sums mean nothing before images have passed through it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from google.protobuf import text_format

from multiweight.base import engine, whole_file
from multiweight.base.paths import Run
from multiweight.nets import run_paths

#: Training batches that fill the running sums.
BATCHES = 60


def needed(caffe: ModuleType, run: Run) -> bool:
    """Whether the run's net has a BatchNorm layer."""
    net = run_paths.read(run.deploy, engine.schema(caffe).NetParameter())
    return any(layer.type == "BatchNorm" for layer in net.layer)


def write(caffe: ModuleType, run: Run, seed: int) -> Path:
    """Weights drawn with ``seed``, and the running sums of 60 training batches, as a .caffemodel in the run's folder.

    The weights are those with which a training with that seed begins; the batches pass forward, and nothing is learned.
    UserError where the training images are not there.
    """
    file, target = run.root / "train_val_untrained.prototxt", run.root / f"untrained_seed_{seed}.caffemodel"
    net = run_paths.net(caffe, run.train_val)
    head = f"# Written from {run.train_val.name}, with the paths of this machine.\n"
    whole_file.write(file, head + text_format.MessageToString(net))
    caffe.set_random_seed(seed)
    filled = caffe.Net(str(file), caffe.TRAIN)
    for _ in range(BATCHES):
        filled.forward()
    with whole_file.place(target) as partial:
        filled.save(str(partial))
    return target
