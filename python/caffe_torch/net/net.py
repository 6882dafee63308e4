"""Net: a .prototxt made into layers and blobs, and run forward and backward over them."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import torch

import caffe_torch.layers  # noqa: F401  (fills the registry)
from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.files import prototxt
from caffe_torch.files.upgrade import upgrade_net
from caffe_torch.layers import inline_weights
from caffe_torch.layers.base import Layer, create
from caffe_torch.layers.python import PythonLayer
from caffe_torch.net import description, phase_rules
from caffe_torch.net.api import NetApi
from caffe_torch.net.debug import DebugInfo
from caffe_torch.net.params import Parameter, share_parameters
from caffe_torch.net.weights import NetWeights
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log, user_modules

#: The name of every top that a loss layer leaves unnamed.
AUTOMATIC = "(automatic)"

#: What stands for a phase in a .prototxt, so that a program may take it for one.
_PHASES = ("TRAIN", "TEST")


class Net(NetApi, NetWeights):
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
        self._init(net, phase_rules.state(values["phase"], values["level"], stages))
        if values["weights"] is not None:
            self.copy_from(values["weights"])

    @classmethod
    def _from_state(cls, net: Any, state: Any) -> Net:
        """A net from a NetParameter and a whole NetState, as a solver makes them."""
        self = cls.__new__(cls)
        self._init(upgrade_net(net, "net"), state)
        return self

    def _init(self, net: Any, state: Any) -> None:
        net.state.CopyFrom(state)
        param = phase_rules.filter_net(net)
        description.parameters("net", param)
        param = phase_rules.insert_splits(param)
        self.name = param.name
        self.phase = state.phase
        self._layers: list[Layer] = []
        self._layer_names: list[str] = []
        self._bottoms: list[list[Blob]] = []
        self._tops: list[list[Blob]] = []
        self._bottom_names: list[list[str]] = []
        self._top_names: list[list[str]] = []
        self.blobs: OrderedDict[str, Blob] = OrderedDict()
        self._need_backward: list[bool] = []
        self._bottom_need_backward: list[list[bool]] = []
        self._loss_weights: list[list[float]] = []
        self._before: dict[str, list[Callable[[int], None]]] = {"forward": [], "backward": []}
        self._after: dict[str, list[Callable[[int], None]]] = {"forward": [], "backward": []}
        self._learnable: list[Parameter] = []
        self._ran = [False] * len(param.layer)
        blob_needs: dict[str, bool] = {}
        available: dict[str, None] = {}
        inputs: list[str] = []
        for layer_param in param.layer:
            if not layer_param.HasField("phase"):
                layer_param.phase = state.phase
            layer = create(layer_param, layer_param.phase)
            self._append(layer, layer_param, available, inputs)
            self._decide_backward(layer, layer_param, blob_needs)
        self.bottom_names = OrderedDict(zip(self._layer_names, self._bottom_names))
        self.top_names = OrderedDict(zip(self._layer_names, self._top_names))
        self.inputs = inputs
        self.outputs = sorted(available)
        self._skip_what_no_loss_needs(param)
        description.describe(self)
        if param.force_backward:
            self._force_backward(param)
        self._learnable = share_parameters(self._named_layers())
        self.params: OrderedDict[str, list[Blob]] = OrderedDict(
            (name, layer.blobs) for name, layer in zip(self._layer_names, self._layers) if len(layer.blobs)
        )
        self.layers = [getattr(layer, "user", layer) for layer in self._layers]
        self.layer_dict = OrderedDict(zip(self._layer_names, self.layers))
        self._warn_of_namesakes()
        if param.debug_info:
            DebugInfo(self)

    def _named_layers(self) -> list[tuple[str, Layer]]:
        return list(zip(self._layer_names, self._layers))

    def _append(self, layer: Layer, param: Any, available: dict[str, None], inputs: list[str]) -> None:
        bottoms = [self.blobs[name] for name in param.bottom]
        tops = []
        for j, name in enumerate(param.top):
            if name in param.bottom:
                if j >= len(param.bottom) or param.bottom[j] != name:
                    raise layer.fail(f"top {name!r} is also a bottom, but not at the same place: no in-place layer")
                tops.append(self.blobs[name])
            elif name in self.blobs:
                raise layer.fail(f"top blob {name!r} is already made by an earlier layer")
            else:
                self.blobs[name] = Blob()
                tops.append(self.blobs[name])
                if param.type == "Input":
                    inputs.append(name)
        for name in param.bottom:
            available.pop(name, None)
        for name in param.top:
            available[name] = None
        top_names = list(param.top)
        while layer.is_loss and len(tops) < layer.tops[0]:
            # As in Caffe, a loss may leave its top unnamed: it counts, but nothing can use it.
            top_names.append(AUTOMATIC)
            tops.append(Blob())
            self.blobs[AUTOMATIC] = tops[-1]
        layer.check_counts(bottoms, tops)
        layer.setup(bottoms, tops)
        if not isinstance(layer, PythonLayer):  # a user's has had them from the beginning
            inline_weights.take(layer)
        layer.reshape(bottoms, tops)
        self._layers.append(layer)
        self._layer_names.append(param.name)
        self._bottoms.append(bottoms)
        self._tops.append(tops)
        self._bottom_names.append(list(param.bottom))
        self._top_names.append(top_names)
        self._set_loss_weights(layer, param, tops)

    def _set_loss_weights(self, layer: Layer, param: Any, tops: list[Blob]) -> None:
        weights = list(param.loss_weight)
        if weights and len(weights) != len(tops):
            raise layer.fail(f"has {len(weights)} loss_weight for {len(tops)} top(s): give one a top or none")
        if not weights:
            weights = [1.0 if layer.is_loss and j == 0 else 0.0 for j in range(len(tops))]
        self._loss_weights.append(weights)
        for weight, top in zip(weights, tops):
            if weight:
                top.diff[...] = weight

    def _decide_backward(self, layer: Layer, param: Any, needs: dict[str, bool]) -> None:
        if param.propagate_down and len(param.propagate_down) != len(param.bottom):
            raise layer.fail(f"has {len(param.propagate_down)} propagate_down for {len(param.bottom)} bottom(s)")
        given = [needs[name] for name in param.bottom]
        bottom_needs = list(param.propagate_down) or given
        if len(param.param) > len(layer.blobs):
            raise layer.fail(f"has {len(param.param)} `param` entries for {len(layer.blobs)} parameter blob(s)")
        rates = [param.param[j].lr_mult if j < len(param.param) else 1.0 for j in range(len(layer.blobs))]
        layer.param_propagate_down = [rate != 0 for rate in rates]
        # propagate_down changes what goes to the bottoms, not whether the layer itself is in the way of a gradient.
        need = any(given) or any(layer.param_propagate_down)
        for name in self._top_names[-1]:
            needs[name] = needs.get(name, False) or need
        self._need_backward.append(need)
        self._bottom_need_backward.append(bottom_needs)

    def _skip_what_no_loss_needs(self, param: Any) -> None:
        under_loss: set[str] = set()
        skipped: set[str] = set()
        for i in reversed(range(len(self._layers))):
            layer_param = param.layer[i]
            weights = self._loss_weights[i]
            tops = self._top_names[i]
            contributes = any(w or t in under_loss for w, t in zip(weights, tops))
            skip = all(t in skipped for t in tops)
            if self._need_backward[i] and skip:
                self._need_backward[i] = False
                self._bottom_need_backward[i] = [False] * len(layer_param.bottom)
            if not contributes:
                self._need_backward[i] = False
            for j, name in enumerate(layer_param.bottom):
                if contributes:
                    under_loss.add(name)
                else:
                    self._bottom_need_backward[i][j] = False
                if not self._bottom_need_backward[i][j]:
                    skipped.add(name)

    def _force_backward(self, param: Any) -> None:
        for i, layer in enumerate(self._layers):
            self._need_backward[i] = True
            self._bottom_need_backward[i] = [
                need or j not in layer.no_gradient for j, need in enumerate(self._bottom_need_backward[i])
            ]
            layer.param_propagate_down = [True] * len(layer.blobs)

    # --- running ---

    def _forward(self, start: int, end: int) -> float:
        losses = []
        for i in range(start, end + 1):
            for callback in self._before["forward"]:
                callback(i)
            layer, bottoms, tops = self._layers[i], self._bottoms[i], self._tops[i]
            layer.reshape(bottoms, tops)
            layer.forward(bottoms, tops)
            self._ran[i] = True
            for weight, top in zip(self._loss_weights[i], tops):
                if weight:
                    losses.append((top.tensor() * top.diff_tensor()).sum(dtype=torch.float64))
            for callback in self._after["forward"]:
                callback(i)
        # Asked for once, as a GPU has to be waited for.
        return float(torch.stack(losses).sum()) if losses else 0.0

    def _backward(self, start: int, end: int) -> None:
        for i in range(start, end - 1, -1):
            for callback in self._before["backward"]:
                callback(i)
            if self._need_backward[i]:
                if not self._ran[i]:
                    self._prepare_backward(i)
                self._layers[i].refuse_gradient(self._bottom_need_backward[i])
                self._layers[i].backward(self._tops[i], self._bottom_need_backward[i], self._bottoms[i])
            for callback in self._after["backward"]:
                callback(i)

    def _prepare_backward(self, i: int) -> None:
        """Let a layer that never ran forward see its bottoms, as they are, before its backward; its tops stay."""
        copies = {id(blob): blob.copy() for blob in (*self._bottoms[i], *self._tops[i])}
        bottoms, tops = ([copies[id(blob)] for blob in blobs] for blobs in (self._bottoms[i], self._tops[i]))
        self._layers[i].reshape(bottoms, tops)
        self._layers[i].forward(bottoms, tops)


def get_net_from_string(text: str, phase: int) -> Net:
    """The net of a prototxt given as text, as some forks of pycaffe have it."""
    user_modules.load()
    return Net(prototxt.parse(text, caffe_pb2.NetParameter(), "string"), phase)
