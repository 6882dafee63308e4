"""Caffe's Python API on PyTorch: ``import caffe_torch as caffe``.

The rooms, each importing those above it alone:

- ``errors.py``, ``proto/``: CaffeError, the schema
- ``runtime/``: the process: device, precision, threads, random streams, log
- ``files/``: prototxt, binary protobuf, HDF5, LMDB, LevelDB, upgrades of old formats
- ``blob/``: data and diff, on the host and on the device
- ``input/``: batches: images transformed and made ahead
- ``layers/``: the layer types
- ``net/``: layers joined to a graph
- ``solver/``: rates, updates, snapshots, resume
- ``export/``: ONNX and torch.nn.Module
- pycaffe's own names: ``_caffe.py``, ``pycaffe.py``, ``io.py``, ``net_spec.py``, ``coord_map.py``, ``draw.py``,
  ``classifier.py``, ``detector.py``; ``alias.py`` makes ``import caffe`` mean this package
- ``cli/``: the caffe-torch command
"""

import importlib.util
import os
import sys

if importlib.util.find_spec("torch") is None:
    _message = "caffe_torch computes with PyTorch, which is not installed: pip install multiweight[torch]"
    # The commands are imported with the package: of them a user wants the line alone.
    if os.path.basename(sys.argv[0]) in ("caffe-torch", "-m"):
        raise SystemExit(f"error: {_message}")
    raise ImportError(_message, name="torch")

from caffe_torch import alias  # noqa: E402

alias.install()

from caffe_torch import export, io  # noqa: E402
from caffe_torch._caffe import (  # noqa: E402
    NCCL,
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    Blob,
    Layer,
    NesterovSolver,
    Net,
    RMSPropSolver,
    SGDSolver,
    Timer,
    __version__,
    get_net_from_string,
    get_solver,
    has_nccl,
    init_log,
    layer_type_list,
    log,
    register_layer,
    set_device,
    set_mode_cpu,
    set_mode_gpu,
    set_multiprocess,
    set_random_seed,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from caffe_torch.classifier import Classifier  # noqa: E402
from caffe_torch.detector import Detector  # noqa: E402
from caffe_torch.errors import CaffeError  # noqa: E402
from caffe_torch.net_spec import NetSpec, layers, params, to_proto  # noqa: E402
from caffe_torch.proto.caffe_pb2 import TEST, TRAIN  # noqa: E402

from caffe_torch import pycaffe  # noqa: E402  # isort: skip

__all__ = [
    "NCCL", "TEST", "TRAIN", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Blob", "CaffeError", "Classifier",
    "Detector", "Layer", "NesterovSolver", "Net", "NetSpec", "RMSPropSolver", "SGDSolver", "Timer", "__version__",
    "export", "get_net_from_string", "get_solver", "has_nccl", "init_log", "io", "layer_type_list", "layers", "log",
    "params", "pycaffe", "register_layer", "set_device", "set_mode_cpu", "set_mode_gpu", "set_multiprocess",
    "set_random_seed", "set_solver_count", "set_solver_rank", "solver_count", "solver_rank", "to_proto",
]  # fmt: skip
