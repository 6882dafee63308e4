"""The names that pycaffe's compiled module has."""

from caffe_torch.blob.blob import Blob
from caffe_torch.layers.base import REGISTRY as _REGISTRY
from caffe_torch.layers.pylayer import BlobVec, Layer
from caffe_torch.layers.registration import register_layer
from caffe_torch.layers.vectors import BoolVec, DtypeVec, IntVec, LayerVec, NetVec, RawBlobVec, StringVec
from caffe_torch.net.net import Net, get_net_from_string
from caffe_torch.runtime.device import set_device, set_mode_cpu, set_mode_gpu
from caffe_torch.runtime.log import init_log
from caffe_torch.runtime.rng import seed as set_random_seed
from caffe_torch.runtime.timer import Timer
from caffe_torch.solver.nccl import (
    NCCL,
    has_nccl,
    set_multiprocess,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from caffe_torch.solver.solver import Solver
from caffe_torch.solver.solver_types import (
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)

from caffe_torch.runtime import log  # isort: skip

__version__ = "1.0.0"


def layer_type_list() -> list[str]:
    """The layer types that a prototxt may name, sorted."""
    return sorted(_REGISTRY)


__all__ = [
    "NCCL", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Blob", "BlobVec", "BoolVec", "DtypeVec", "IntVec",
    "Layer", "LayerVec", "NesterovSolver", "Net", "NetVec", "RMSPropSolver", "RawBlobVec", "SGDSolver", "Solver",
    "StringVec", "Timer", "get_net_from_string", "get_solver", "has_nccl", "init_log", "layer_type_list", "log",
    "register_layer", "set_device", "set_mode_cpu", "set_mode_gpu", "set_multiprocess", "set_random_seed",
    "set_solver_count", "set_solver_rank", "solver_count", "solver_rank",
]  # fmt: skip
