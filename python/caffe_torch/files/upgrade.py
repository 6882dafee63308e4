"""Old formats become today's, as Caffe's own upgrade does: V0 and V1 layers, input fields, solver type, and others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.files import native
from caffe_torch.files.upgrade_v0 import upgrade_v0
from caffe_torch.files.upgrade_v1 import upgrade_transforms, upgrade_v1
from caffe_torch.proto import caffe_pb2
from caffe_torch.proto.extension import current
from caffe_torch.runtime import log, user_modules

_SOLVER_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")


def upgrade_net(net: Any, source: str) -> Any:
    """The same net in today's format; ``source`` names it in messages."""
    user_modules.load()
    net = current(net)
    if net.layers and net.layer:
        raise CaffeError(
            f'{source}: has both `layer` and `layers` entries, of today\'s format (`type: "Name"`) and of an old one '
            "(`type: NAME`): write all of them in one"
        )
    if any(layer.HasField("layer") for layer in net.layers):
        log.info(f"{source}: its layers are in the V0 format; upgrading them")
        net = upgrade_v0(net, source)
    if net.layers:
        log.info(f"{source}: its layers are in the V1 format; upgrading them")
        upgrade_transforms(net)
        net = upgrade_v1(net)
    if net.input:
        _upgrade_inputs(net, source)
    _upgrade_batch_norm(net)
    return net


def _upgrade_inputs(net: Any, source: str) -> None:
    """``input`` with ``input_shape``, or four ``input_dim`` each, becomes an Input layer in front.

    Without any shape it comes from an old .caffemodel, and goes.
    """
    names, shapes, dims = list(net.input), list(net.input_shape), list(net.input_dim)
    for field in ("input", "input_shape", "input_dim"):
        net.ClearField(field)
    if not shapes and not dims:
        return
    if (shapes and len(shapes) < len(names)) or (not shapes and len(dims) < 4 * len(names)):
        raise CaffeError(
            f"{source}: has {len(names)} input(s), {len(shapes)} input_shape and {len(dims)} input_dim: give four "
            "input_dim for each, or of any number of axes one input_shape { dim: 1 dim: 3 dim: 5 } each"
        )
    layer = caffe_pb2.LayerParameter(name="input", type="Input", top=names)
    for index in range(len(names)):
        shape = layer.input_param.shape.add()
        if shapes:
            shape.CopyFrom(shapes[index])
        else:
            shape.dim.extend(dims[4 * index : 4 * index + 4])
    rest = list(net.layer)
    del net.layer[:]
    net.layer.extend([layer, *rest])


def _upgrade_batch_norm(net: Any) -> None:
    """Once, BatchNorm layers declared their three blobs, whose rates are 0 whatever is said."""
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for spec in layer.param:
                spec.lr_mult = spec.decay_mult = 0


def upgrade_solver(solver: Any, source: str) -> Any:
    """``type`` in place of the old ``solver_type``, and the ``snapshot_prefix`` that Caffe makes up where it must."""
    upgrade_solver_type(solver, source)
    prefix = Path(native.path(solver.snapshot_prefix))
    if not solver.HasField("snapshot_prefix"):
        solver.snapshot_prefix = native.field(Path(source).with_suffix(""))
        log.info(f"snapshot_prefix was not specified and is set to {solver.snapshot_prefix}")
    elif prefix.is_dir():
        solver.snapshot_prefix = native.field(prefix / Path(source).stem)
        log.info(f"snapshot_prefix was a directory and is replaced to {solver.snapshot_prefix}")
    return solver


def upgrade_solver_type(solver: Any, source: str) -> None:
    """``type`` in place of the old ``solver_type``."""
    if solver.HasField("solver_type"):
        if solver.HasField("type"):
            raise CaffeError(f"{source}: has both `type` and the old `solver_type`: keep `type`")
        solver.type = _SOLVER_TYPES[solver.solver_type]
        solver.ClearField("solver_type")
