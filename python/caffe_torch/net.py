"""Net: a .prototxt made into layers and blobs; forward, backward, and its weights on disk. The API is pycaffe's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Callable

import numpy as np

import caffe_torch.layers  # noqa: F401  (fills the registry)
from caffe_torch import netparam, prototxt, wire
from caffe_torch.blob import Blob
from caffe_torch.errors import CaffeError
from caffe_torch.layers.base import Layer, create
from caffe_torch.params import Parameter, share_parameters
from caffe_torch.upgrade import upgrade_net


class Net:
    """``Net("deploy.prototxt", "weights.caffemodel", TEST)``, ``Net("train_val.prototxt", TRAIN)`` or with keywords.

    ``blobs`` and ``params`` are ordered dicts of blob name -> Blob and layer name -> list of Blob. Errors: CaffeError
    naming the layer, blob, file or field at fault.
    """

    def __init__(
        self,
        network_file: str | Path | Any,
        *args: Any,
        weights: str | None = None,
        phase: int | None = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
    ):
        args_left = list(args)
        if args_left and isinstance(args_left[0], (str, Path)):
            weights = str(args_left.pop(0))
        if args_left:
            phase = args_left.pop(0)
        if args_left or phase is None:
            raise TypeError(
                "Net(file, phase) or Net(file, weights, phase): a phase (caffe.TRAIN or caffe.TEST) is needed"
            )
        if isinstance(network_file, (str, Path)):
            net = prototxt.read_net(network_file)
        else:
            net = upgrade_net(network_file, "net")
        state = netparam.state(phase, level, [*net.state.stage, *(stages or ())])
        self._init(net, state)
        if weights is not None:
            self.copy_from(weights)

    @classmethod
    def _from_state(cls, net: Any, state: Any) -> Net:
        """A net from a NetParameter and a whole NetState, as a solver makes them."""
        self = cls.__new__(cls)
        self._init(upgrade_net(net, "net"), state)
        return self

    def _init(self, net: Any, state: Any) -> None:
        net.state.CopyFrom(state)
        param = netparam.insert_splits(netparam.filter_net(net))
        self.name = param.name
        self.phase = state.phase
        self.layers: list[Layer] = []
        self._layer_names: list[str] = []
        self._bottoms: list[list[Blob]] = []
        self._tops: list[list[Blob]] = []
        self.bottom_names: OrderedDict[str, list[str]] = OrderedDict()
        self.top_names: OrderedDict[str, list[str]] = OrderedDict()
        self.blobs: OrderedDict[str, Blob] = OrderedDict()
        self._need_backward: list[bool] = []
        self._bottom_need_backward: list[list[bool]] = []
        self._loss_weights: list[list[float]] = []
        self._before: dict[str, list[Callable[[int], None]]] = {"forward": [], "backward": []}
        self._after: dict[str, list[Callable[[int], None]]] = {"forward": [], "backward": []}
        self._learnable: list[Parameter] = []
        blob_needs: dict[str, bool] = {}
        available: dict[str, None] = {}
        inputs: list[str] = []
        for layer_param in param.layer:
            if not layer_param.HasField("phase"):
                layer_param.phase = state.phase
            layer = create(layer_param, layer_param.phase)
            self._append(layer, layer_param, available, inputs)
            self._decide_backward(layer, layer_param, blob_needs)
        self.inputs = inputs
        self.outputs = list(available)
        self._skip_what_no_loss_needs(param)
        if param.force_backward:
            self._force_backward(param)
        self._learnable = share_parameters(self._named_layers())
        self.params: OrderedDict[str, list[Blob]] = OrderedDict(
            (name, layer.blobs) for name, layer in zip(self._layer_names, self.layers) if len(layer.blobs)
        )
        self.layer_dict = OrderedDict(zip(self._layer_names, self.layers))

    def _named_layers(self) -> list[tuple[str, Layer]]:
        return list(zip(self._layer_names, self.layers))

    def _append(self, layer: Layer, param: Any, available: dict[str, None], inputs: list[str]) -> None:
        if param.name in self._layer_names:
            raise CaffeError(f"layer {param.name!r}: the net has another layer of this name")
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
        layer.check_counts(bottoms, tops)
        layer.setup(bottoms, tops)
        layer.reshape(bottoms, tops)
        self.layers.append(layer)
        self._layer_names.append(param.name)
        self._bottoms.append(bottoms)
        self._tops.append(tops)
        self.bottom_names[param.name] = list(param.bottom)
        self.top_names[param.name] = list(param.top)
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
        bottom_needs = []
        for j, name in enumerate(param.bottom):
            flag = needs[name]
            if param.propagate_down:
                flag = param.propagate_down[j]
            bottom_needs.append(flag)
        if len(param.param) > len(layer.blobs):
            raise layer.fail(f"has {len(param.param)} `param` entries for {len(layer.blobs)} parameter blob(s)")
        rates = [param.param[j].lr_mult if j < len(param.param) else 1.0 for j in range(len(layer.blobs))]
        layer.param_propagate_down = [rate != 0 for rate in rates]
        need = any(bottom_needs) or any(layer.param_propagate_down)
        for name in param.top:
            needs[name] = need
        self._need_backward.append(need)
        self._bottom_need_backward.append(bottom_needs)

    def _skip_what_no_loss_needs(self, param: Any) -> None:
        under_loss: set[str] = set()
        skipped: set[str] = set()
        for i in reversed(range(len(self.layers))):
            layer_param = param.layer[i]
            weights = self._loss_weights[i]
            contributes = any(w or t in under_loss for w, t in zip(weights, layer_param.top))
            skip = all(t in skipped for t in layer_param.top)
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
        for i, layer in enumerate(self.layers):
            self._need_backward[i] = True
            self._bottom_need_backward[i] = [
                need or j not in layer.no_gradient for j, need in enumerate(self._bottom_need_backward[i])
            ]
            layer.param_propagate_down = [True] * len(layer.blobs)

    # --- running ---

    def _forward(self, start: int, end: int) -> float:
        loss = 0.0
        for i in range(start, end + 1):
            for callback in self._before["forward"]:
                callback(i)
            layer, bottoms, tops = self.layers[i], self._bottoms[i], self._tops[i]
            layer.reshape(bottoms, tops)
            layer.forward(bottoms, tops)
            for weight, top in zip(self._loss_weights[i], tops):
                if weight:
                    loss += float((top.tensor() * top.diff_tensor()).sum())
            for callback in self._after["forward"]:
                callback(i)
        return loss

    def _backward(self, start: int, end: int) -> None:
        for i in range(start, end - 1, -1):
            for callback in self._before["backward"]:
                callback(i)
            if self._need_backward[i]:
                self.layers[i].backward(self._tops[i], self._bottom_need_backward[i], self._bottoms[i])
            for callback in self._after["backward"]:
                callback(i)

    def _index(self, layer: str) -> int:
        try:
            return self._layer_names.index(layer)
        except ValueError:
            raise CaffeError(f"the net has no layer {layer!r}; it has {', '.join(self._layer_names)}") from None

    def forward(
        self, blobs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **kwargs: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Run from layer ``start`` to layer ``end`` (all by default) and return the outputs, and ``blobs``, by name.

        Keyword arguments are arrays for the net's inputs. Returned arrays are the blobs' own memory.
        """
        first = self._index(start) if start is not None else 0
        if end is not None:
            last, wanted = self._index(end), set(self.top_names[end])
        else:
            last, wanted = len(self.layers) - 1, set(self.outputs)
        wanted |= set(blobs or ())
        if kwargs:
            if set(kwargs) != set(self.inputs):
                raise CaffeError(f"forward: arrays were given for {sorted(kwargs)}, the net's inputs are {self.inputs}")
            for name, array in kwargs.items():
                if array.shape[0] != self.blobs[name].shape[0]:
                    raise CaffeError(
                        f"forward: {name} has {array.shape[0]} items, its blob {self.blobs[name].shape[0]}"
                    )
                self.blobs[name].data[...] = array
        self._forward(first, last)
        return {name: self.blobs[name].data for name in wanted}

    def backward(
        self, diffs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **kwargs: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Run back from layer ``start`` (the last) to ``end`` (the first); returns inputs' and ``diffs``' gradients.

        Keyword arguments are gradients of the net's outputs.
        """
        first = self._index(start) if start is not None else len(self.layers) - 1
        if end is not None:
            last, wanted = self._index(end), set(self.bottom_names[end])
        else:
            last, wanted = 0, set(self.inputs)
        wanted |= set(diffs or ())
        for name, array in kwargs.items():
            tops = self.top_names[start] if start is not None else self.outputs
            if name not in tops:
                raise CaffeError(f"backward: a gradient was given for {name!r}; the tops here are {list(tops)}")
            self.blobs[name].diff[...] = array
        self._backward(first, last)
        return {name: self.blobs[name].diff for name in wanted}

    def reshape(self) -> None:
        """Let every layer follow the shapes of its bottoms."""
        for layer, bottoms, tops in zip(self.layers, self._bottoms, self._tops):
            layer.reshape(bottoms, tops)

    def clear_param_diffs(self) -> None:
        """Set the parameters' gradients to zero; backward adds to them."""
        for parameter in self._learnable:
            parameter.blob.clear_diff()

    def before_forward(self, callback: Callable[[int], None]) -> None:
        self._before["forward"].append(callback)

    def after_forward(self, callback: Callable[[int], None]) -> None:
        self._after["forward"].append(callback)

    def before_backward(self, callback: Callable[[int], None]) -> None:
        self._before["backward"].append(callback)

    def after_backward(self, callback: Callable[[int], None]) -> None:
        self._after["backward"].append(callback)

    @property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        weights = OrderedDict((name, 0.0) for name in self.blobs)
        for name, values in zip(self._layer_names, self._loss_weights):
            weights.update((top, w) for top, w in zip(self.top_names[name], values) if w)
        return weights

    # --- weights ---

    def copy_from(self, weights: str | Path) -> None:
        """Take over the parameters of the layers that a .caffemodel has by the same name; other layers keep theirs.

        A different number or shape of blobs raises CaffeError with the layer, both shapes and the file.
        """
        for part in str(weights).split(","):
            self._copy_arrays(wire.read_net(part), part)

    def _copy_arrays(self, source: dict[str, list[np.ndarray]], where: str) -> None:
        for name, arrays in source.items():
            if name not in self.params:
                continue
            blobs = self.params[name]
            if len(blobs) != len(arrays):
                raise CaffeError(
                    f"{where}: layer {name!r} has {len(arrays)} parameter blob(s), this net's has {len(blobs)}"
                )
            for j, (blob, array) in enumerate(zip(blobs, arrays)):
                if blob.shape != array.shape and not _same_legacy_shape(blob.shape, array.shape):
                    raise CaffeError(
                        f"{where}: cannot copy parameter {j} of layer {name!r}: its shape there is {array.shape}, "
                        f"here {blob.shape}; to train it from scratch, rename the layer"
                    )
                blob.data[...] = array.reshape(blob.shape)

    def share_with(self, other: Net) -> None:
        """Use the parameters of ``other``'s layers of the same names as this net's own, from now on."""
        for name, blobs in self.params.items():
            if name in other.params:
                for mine, theirs in zip(blobs, other.params[name]):
                    if mine.shape != theirs.shape:
                        raise CaffeError(
                            f"layer {name!r}: cannot share weights of shape {theirs.shape} with {mine.shape}"
                        )
                    mine.share_data(theirs)

    def save(self, filename: str | Path) -> None:
        """Write a .caffemodel, which appears whole or not at all."""
        layers = []
        for layer in self.layers:
            param = type(layer.param)()
            param.CopyFrom(layer.param)
            param.ClearField("blobs")
            layers.append((param, [blob.data for blob in layer.blobs]))
        wire.write_atomically(filename, lambda file: wire.write_net(file, self.name, layers))


def _same_legacy_shape(shape: tuple[int, ...], found: tuple[int, ...]) -> bool:
    """Old files hold four axes always: (1, 1, 1, n) for a bias of (n,)."""
    return len(found) == 4 and len(shape) < 4 and (1,) * (4 - len(shape)) + shape == found
