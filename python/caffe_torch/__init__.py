"""Caffe's Python API on PyTorch: ``import caffe_torch as caffe``."""

from caffe_torch import alias

alias.install()

from caffe_torch import io  # noqa: E402
from caffe_torch.blob import Blob  # noqa: E402
from caffe_torch.device import set_device, set_mode_cpu, set_mode_gpu  # noqa: E402
from caffe_torch.errors import CaffeError  # noqa: E402
from caffe_torch.layers.base import REGISTRY as _REGISTRY  # noqa: E402
from caffe_torch.net import Net  # noqa: E402
from caffe_torch.net_spec import NetSpec, layers, params, to_proto  # noqa: E402
from caffe_torch.proto.caffe_pb2 import TEST, TRAIN  # noqa: E402
from caffe_torch.pylayer import Layer  # noqa: E402
from caffe_torch.rng import seed as set_random_seed  # noqa: E402
from caffe_torch.solver import (  # noqa: E402
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    NesterovSolver,
    RMSPropSolver,
    SGDSolver,
    get_solver,
)

__version__ = "1.0.0"


def layer_type_list() -> list[str]:
    """The layer types that a prototxt may name, sorted."""
    return sorted(_REGISTRY)


__all__ = [
    "TEST", "TRAIN", "AdaDeltaSolver", "AdaGradSolver", "AdamSolver", "Blob", "CaffeError", "Layer", "NesterovSolver",
    "Net", "NetSpec", "RMSPropSolver", "SGDSolver", "get_solver", "io", "layer_type_list", "layers", "params",
    "set_device", "set_mode_cpu", "set_mode_gpu", "set_random_seed", "to_proto",
]  # fmt: skip
