"""Caffe's Python API on PyTorch: ``import caffe_torch as caffe``."""

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
