"""The weights file of an untrained net with BatchNorm: initial weights, and statistics of some training batches.

Before images have passed through a BatchNorm layer it has no running mean and variance.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from google.protobuf import text_format

from multiweight.base import engine, whole_file
from multiweight.base.paths import Run
from multiweight.nets import run_paths

#: Training batches that fill the running statistics (Caffe stores them as sums with a weight); chosen by hand.
BATCHES = 60


def has_batch_norm(caffe: ModuleType, run: Run) -> bool:
    """Whether the run's net has a BatchNorm layer."""
    parameter = run_paths.read(run.deploy, engine.schema(caffe).NetParameter())
    return any(layer.type == "BatchNorm" for layer in parameter.layer)


def write_initial_weights(caffe: ModuleType, run: Run, seed: int) -> Path:
    """Write a .caffemodel of initial weights and of the statistics of ``BATCHES`` training batches; returns its path.

    The weights are those with which a training with this ``seed`` begins; the batches only pass forward. ``caffe`` is
    the engine of ``engine.select``, whose global random seed is set. UserError where the training images are not there,
    or the prototxt cannot be read. The prototxt that it runs stays in the run's folder.
    """
    prototxt, weights = run.root / "train_val_untrained.prototxt", run.root / f"untrained_seed_{seed}.caffemodel"
    parameter = run_paths.net(caffe, run.train_val)
    comment = f"# Written from {run.train_val.name}, with the paths of this machine.\n"
    whole_file.write(prototxt, comment + text_format.MessageToString(parameter))
    caffe.set_random_seed(seed)
    net = caffe.Net(str(prototxt), caffe.TRAIN)
    for _ in range(BATCHES):
        net.forward()
    with whole_file.place(weights) as partial:
        net.save(str(partial))
    return weights
