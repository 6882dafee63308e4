"""The nets of a solver: one to train, and one for each test_iter."""

from __future__ import annotations

from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.files import prototxt
from caffe_torch.layers.sources.data import warn_of_unequal
from caffe_torch.net import device_limits, phase_rules
from caffe_torch.net.net import Net
from caffe_torch.net.weights import empty_name
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import distributed, log

_FIELDS = ("net", "net_param", "train_net", "train_net_param")


def train_net(param: Any, source: str) -> Net:
    """The training net of a SolverParameter, with the weights that it names; ``source`` is its file, for messages."""
    field = _train_field(param, source)
    value = getattr(param, field)
    place = f"from {field} file: {value}" if isinstance(value, str) else f"specified in {field}."
    log.info(f"Creating training net {place}")
    net = _make(_read(value), param.train_state, phase_rules.state(caffe_pb2.TRAIN))
    _load(net, param)
    return net


def test_nets(param: Any, source: str) -> list[Net]:
    """The test nets, in Caffe's order: test_net_param, test_net, and ``net`` itself for the test_iter left."""
    given = [("test_net_param", value) for value in param.test_net_param]
    given += [(f"test_net file: {file}", file) for file in param.test_net]
    count = len(param.test_iter)
    generic = param.HasField("net") or param.HasField("net_param")
    if len(given) > count or (len(given) < count and not generic):
        raise CaffeError(f"{source}: has {count} test_iter for {len(given)} test net(s): give one a net")
    if len(given) < count:
        field = _train_field(param, source)
        value = getattr(param, field)
        place = f"{field} file: {value}" if isinstance(value, str) else field
        given += [(place, value)] * (count - len(given))
    if param.test_state and len(param.test_state) != count:
        raise CaffeError(f"{source}: has {len(param.test_state)} test_state for {count} test net(s): give one each")
    if count and param.test_interval < 1:
        raise CaffeError(f"{source}: has test_iter, but no test_interval")
    nets = []
    for i, (place, value) in enumerate(given):
        log.info(f"Creating test net (#{i}) specified by {place}")
        extra = param.test_state[i] if param.test_state else caffe_pb2.NetState()
        net = _make(_read(value), extra, phase_rules.state(caffe_pb2.TEST))
        _load(net, param)
        nets.append(net)
    return nets


def share_weights(net: Net, source: str) -> None:
    """Let all processes begin with the first one's weights, each on its device."""
    distributed.join()
    try:
        for parameter in net.graph.learnable:
            parameter.blob.change(lambda weights: distributed.broadcast([weights]))
    except (MemoryError, RuntimeError) as error:
        device_limits.tell(f"{source}: the weights", error)
        raise


def _train_field(param: Any, source: str) -> str:
    """The one field that names the training net."""
    fields = [f for f in _FIELDS if param.HasField(f)]
    if len(fields) != 1:
        raise CaffeError(
            f"{source}: must name its training net exactly once ({', '.join(_FIELDS)}), "
            f"found {', '.join(fields) or 'none'}"
        )
    return fields[0]


def _read(value: Any) -> Any:
    """The NetParameter of a file, or itself."""
    return prototxt.read_net(value) if isinstance(value, str) else value


def _make(param: Any, extra: Any, state: Any) -> Net:
    """The net in ``state``, changed by the net's own state and then by the solver's ``extra``; the phase stays."""
    phase = state.phase
    state.MergeFrom(param.state)
    state.MergeFrom(extra)
    state.phase = phase
    copy = caffe_pb2.NetParameter()
    copy.CopyFrom(param)
    net = Net.in_state(copy, state)
    warn_of_unequal(node.layer for node in net.graph.nodes)
    return net


def _load(net: Net, param: Any) -> None:
    for files in param.weights:
        if not all(map(str.strip, files.split(","))):
            raise empty_name(files)
        for file in files.split(","):
            log.info(f"Finetuning from {file.strip()}")
            net.copy_from(file.strip())
