"""Old formats become today's: input fields of a net, and the solver's type as a number."""

from __future__ import annotations

from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2

_SOLVER_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")


def upgrade_net(net: Any, source: str) -> Any:
    """The same net with ``layer`` entries alone; V0 and V1 ``layers`` raise CaffeError."""
    if net.layers:
        raise CaffeError(
            f"{source}: uses the old `layers {{ }}` (V1) format, which this version does not read: run Caffe's "
            "upgrade_net_proto_text on it first"
        )
    if net.input:
        _upgrade_inputs(net)
    return net


def _upgrade_inputs(net: Any) -> None:
    """``input:`` with ``input_shape`` or four ``input_dim`` each becomes an Input layer in front."""
    layer = caffe_pb2.LayerParameter(name="input", type="Input")
    for index, name in enumerate(net.input):
        layer.top.append(name)
        shape = layer.input_param.shape.add()
        if net.input_shape:
            shape.CopyFrom(net.input_shape[index])
        else:
            shape.dim.extend(net.input_dim[4 * index : 4 * index + 4])
    for field in ("input", "input_shape", "input_dim"):
        net.ClearField(field)
    rest = list(net.layer)
    del net.layer[:]
    net.layer.extend([layer, *rest])


def upgrade_solver(solver: Any) -> Any:
    if solver.HasField("solver_type"):
        if solver.HasField("type"):
            raise CaffeError("solver: has both `type` and the old `solver_type`: keep `type`")
        solver.type = _SOLVER_TYPES[solver.solver_type]
        solver.ClearField("solver_type")
    return solver
