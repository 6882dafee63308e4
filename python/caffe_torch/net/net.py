"""Net: a .prototxt made into layers and blobs, and run forward and backward over them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import caffe_torch.layers  # noqa: F401  (fills the registry)
from caffe_torch.errors import CaffeError
from caffe_torch.files import prototxt
from caffe_torch.files.upgrade import upgrade_net
from caffe_torch.layers.fork_settings import warn_of_unread_by
from caffe_torch.net import description, phase_rules
from caffe_torch.net.api import NetApi
from caffe_torch.net.building import build
from caffe_torch.net.debug import DebugInfo
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log, user_modules

#: What stands for a phase in a .prototxt, so that a program may take it for one.
_PHASES = ("TRAIN", "TEST")


class Net(NetApi):
    """``Net(file, phase, level=0, stages=None, weights=None)``, or in the old form ``Net(file, weights, phase)``.

    ``blobs`` and ``params`` are ordered dicts of blob name -> Blob and layer name -> list of Blob; of a Python layer,
    ``layers`` holds the user's own object. Errors: CaffeError naming the layer, blob, file or field at fault.
    """

    def __init__(
        self,
        network_file: str | bytes | Path | Any,
        *args: Any,
        phase: int | None = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
        weights: str | bytes | Path | None = None,
    ):
        given = list(args)
        if given and isinstance(given[0], (str, bytes, os.PathLike)) and given[0] not in _PHASES:
            weights = given.pop(0)
            log.warning(f"deprecated order of arguments; use Net({str(network_file)!r}, phase, weights={weights!r})")
        values: dict[str, Any] = {"phase": phase, "level": level, "stages": stages, "weights": weights}
        if len(given) > len(values):
            raise TypeError(f"Net takes at most 5 arguments (file, phase, level, stages, weights), found {len(given)}")
        values.update(zip(values, given))
        if values["phase"] is None:
            raise TypeError("Net(file, phase): a phase (caffe.TRAIN or caffe.TEST) is needed")
        if values["phase"] not in (caffe_pb2.TRAIN, caffe_pb2.TEST):
            raise CaffeError(f"Net(file, phase): phase must be caffe.TRAIN or caffe.TEST, found {values['phase']!r}")
        if isinstance(network_file, (str, bytes, os.PathLike)):
            net = prototxt.read_net(os.fsdecode(network_file))
        else:
            net = upgrade_net(network_file, "net")
        stages = [*net.state.stage, *(values["stages"] or ())]
        self._build(net, phase_rules.state(values["phase"], values["level"], stages))
        if values["weights"] is not None:
            self.copy_from(values["weights"])

    @classmethod
    def in_state(cls, net: Any, state: Any) -> Net:
        """A net from a NetParameter and a whole NetState, as a solver makes them."""
        self = cls.__new__(cls)
        self._build(upgrade_net(net, "net"), state)
        return self

    def _build(self, net: Any, state: Any) -> None:
        net.state.CopyFrom(state)
        param = phase_rules.filter_net(net)
        description.parameters("net", param)
        warn_of_unread_by(param, "net")
        self.phase = state.phase
        self._show(build(phase_rules.insert_splits(param), state.phase))
        self._warn_of_namesakes()
        if param.debug_info:
            DebugInfo(self.graph)


def get_net_from_string(text: str, phase: int) -> Net:
    """The net of a prototxt given as text, as some forks of pycaffe have it."""
    user_modules.load()
    return Net(prototxt.parse(text, caffe_pb2.NetParameter(), "string"), phase)
