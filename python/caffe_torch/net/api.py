"""What a program calls on a net, besides its weights: forward and backward by name and in batches, callbacks, names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, Callable

import numpy as np

from caffe_torch.blob.blob import Blob
from caffe_torch.blob.collections import NamedParameters
from caffe_torch.errors import CaffeError, CaffeValueError
from caffe_torch.net.graph import Graph
from caffe_torch.net.weights import NetWeights

Arrays = dict[str, np.ndarray]


class NetApi(NetWeights):
    """pycaffe's members of Net, over the graph."""

    def _show(self, graph: Graph) -> None:
        """Take ``graph`` and give its parts the names that pycaffe has for them."""
        self.graph = graph
        self.name = graph.name
        self.blobs = graph.blobs
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self.bottom_names = OrderedDict((node.name, node.bottom_names) for node in graph.nodes)
        self.top_names = OrderedDict((node.name, node.top_names) for node in graph.nodes)
        self.params: OrderedDict[str, list[Blob]] = NamedParameters(
            (node.name, node.layer.blobs) for node in graph.nodes if len(node.layer.blobs)
        )
        self.layers: list[Any] = [getattr(node.layer, "user", node.layer) for node in graph.nodes]
        self.layer_dict = OrderedDict(zip(self._layer_names, self.layers))

    # --- running ---

    def _index(self, layer: str) -> int:
        names = self._layer_names
        if layer not in names:
            raise CaffeValueError(f"the net has no layer {layer!r}; it has {', '.join(names)}")
        return names.index(layer)

    def forward(
        self, blobs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **kwargs: np.ndarray
    ) -> Arrays:
        """Run from layer ``start`` to layer ``end`` (all by default) and return the outputs, and ``blobs``, by name.

        Keyword arguments are arrays for the net's inputs. Returned arrays are the blobs' own memory.
        """
        first = self._index(start) if start is not None else 0
        if end is not None:
            last, wanted = self._index(end), set(self.top_names[end])
        else:
            last, wanted = len(self.graph.nodes) - 1, set(self.outputs)
        wanted |= self._known(blobs, "blobs")
        if kwargs and set(kwargs) != set(self.inputs):
            raise CaffeError(f"forward: arrays were given for {sorted(kwargs)}, the net's inputs are {self.inputs}")
        for name, array in kwargs.items():
            self._fill(name, array, self.blobs[name].data, "forward")
        self.graph.forward(first, last)
        return {name: self.blobs[name].data for name in wanted}

    def backward(
        self, diffs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **kwargs: np.ndarray
    ) -> Arrays:
        """Run back from layer ``start`` (the last) to ``end`` (the first); returns inputs' and ``diffs``' gradients.

        Keyword arguments are gradients of the net's outputs.
        """
        first = self._index(start) if start is not None else len(self.graph.nodes) - 1
        if end is not None:
            last, wanted = self._index(end), set(self.bottom_names[end])
        else:
            last, wanted = 0, set(self.inputs)
        wanted |= self._known(diffs, "diffs")
        if kwargs and set(kwargs) != set(self.outputs):
            raise CaffeError(f"backward: gradients were given for {sorted(kwargs)}, the net's outputs: {self.outputs}")
        for name, array in kwargs.items():
            self._fill(name, array, self.blobs[name].diff, "backward")
        self.graph.backward(first, last)
        return {name: self.blobs[name].diff for name in wanted}

    def _known(self, names: Iterable[str] | None, argument: str) -> set[str]:
        """The names of blobs whose arrays are asked for; an error before anything runs where one is none."""
        if isinstance(names, str):
            raise TypeError(f"{argument} is a list of names, found one name: write {argument}=[{names!r}]")
        asked = set(names or ())
        if unknown := sorted(map(str, asked - set(self.blobs))):
            raise CaffeValueError(f"the net has no blob {', '.join(unknown)}; it has {', '.join(self.blobs)}")
        return asked

    def _fill(self, name: str, array: np.ndarray, target: np.ndarray, what: str) -> None:
        array = np.asarray(array)
        if array.size == target.size == 1:  # a loss is a scalar, its gradient a number or an array of one
            array = array.reshape(target.shape)
        if (array.ndim == 0) != (target.ndim == 0):
            raise CaffeError(f"{what}: {name} is given an array of shape {array.shape}, its blob has {target.shape}")
        if target.ndim and array.shape[0] != target.shape[0]:
            raise CaffeError(f"{what}: {name} is given {array.shape[0]} items, its blob has {target.shape[0]}")
        try:
            target[...] = array
        except ValueError:  # NumPy's names no blob
            raise CaffeValueError(
                f"{what}: {name} is given an array of shape {array.shape}, its blob has {target.shape}"
            ) from None

    def forward_all(self, blobs: Iterable[str] | None = None, **kwargs: np.ndarray) -> Arrays:
        """``forward`` over inputs of any length, batch after batch; the last one is filled up with zeros, then cut.

        Arrays as in ``forward``, copied and joined along the first axis.
        """
        gathered: dict[str, list[np.ndarray]] = {}
        for batch in self._batch(kwargs):
            _gather(gathered, self.forward(blobs, None, None, **batch))
        return _join(gathered, _length(kwargs))

    def forward_backward_all(
        self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None, **kwargs: np.ndarray
    ) -> tuple[Arrays, Arrays]:
        """``forward`` and ``backward`` over inputs, and gradients of outputs, of any length: (blobs, diffs) by name.

        Where a net has data layers of its own, or losses, the inputs or the outputs' gradients are left out.
        """
        unknown = set(kwargs) - set(self.inputs) - set(self.outputs)
        if unknown:
            raise CaffeError(f"forward_backward_all: {sorted(unknown)} are neither inputs nor outputs of the net")
        forward = self._batch({name: kwargs[name] for name in self.inputs if name in kwargs})
        backward = self._batch({name: kwargs[name] for name in self.outputs if name in kwargs})
        values: dict[str, list[np.ndarray]] = {}
        gradients: dict[str, list[np.ndarray]] = {}
        nothing: Arrays = {}
        for inputs, outputs in zip_longest(forward, backward, fillvalue=nothing):
            _gather(values, self.forward(blobs, None, None, **inputs))
            _gather(gradients, self.backward(diffs, None, None, **outputs))
        return _join(values, _length(kwargs)), _join(gradients, _length(kwargs))

    def _batch(self, arrays: Arrays) -> Iterator[Arrays]:
        """The arrays in pieces of the net's batch size, which is the first axis of its first blob."""
        if not arrays:
            return
        size = next(iter(self.blobs.values())).shape[0]
        for at in range(0, _length(arrays), size):
            batch = {name: np.asarray(array[at : at + size]) for name, array in arrays.items()}
            for name, piece in batch.items():
                if len(piece) < size:
                    batch[name] = np.concatenate([piece, np.zeros((size - len(piece), *piece.shape[1:]), piece.dtype)])
            yield batch

    def reshape(self) -> None:
        """Let every layer follow the shapes of its bottoms."""
        self.graph.reshape()

    def clear_param_diffs(self) -> None:
        """Set the parameters' gradients to zero; backward adds to them."""
        for parameter in self.graph.learnable:
            parameter.blob.clear_diff()

    # --- memory ---

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Give the MemoryData layer at the net's beginning its items and labels, whole batches of them.

        ``data`` is (items, channels, height, width), ``labels`` (items,) or (items, 1, 1, 1); float32, C-contiguous.
        """
        layer = self.graph.nodes[0].layer
        if layer.type != "MemoryData":
            raise CaffeError(f"set_input_arrays: the net's first layer must be MemoryData, it is {layer.type}")
        param = layer.param.memory_data_param
        if labels.ndim == 1:
            labels = np.ascontiguousarray(labels[:, None, None, None])
        _check_memory("data", data, (param.channels, param.height, param.width))
        _check_memory("labels", labels, (1, 1, 1))
        if len(data) != len(labels):
            raise CaffeError(f"set_input_arrays: {len(data)} items in data, {len(labels)} in labels")
        if len(data) % param.batch_size:
            raise CaffeError(
                f"set_input_arrays: {len(data)} items are no multiple of the layer's batch_size, {param.batch_size}"
            )
        layer.reset(data, labels)  # type: ignore[attr-defined]

    # --- callbacks ---

    def before_forward(self, callback: Callable[[int], Any]) -> None:
        """Call ``callback(index)`` before each layer's forward."""
        self.graph.before_forward.append(callback)

    def after_forward(self, callback: Callable[[int], Any]) -> None:
        """Call ``callback(index)`` after each layer's forward."""
        self.graph.after_forward.append(callback)

    def before_backward(self, callback: Callable[[int], Any]) -> None:
        """Call ``callback(index)`` before each layer's backward."""
        self.graph.before_backward.append(callback)

    def after_backward(self, callback: Callable[[int], Any]) -> None:
        """Call ``callback(index)`` after each layer's backward; an NCCL object may stand here too."""
        self.graph.after_backward.append(callback)

    # --- names ---

    @property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """Blob name -> its weight in the loss, 0 for most."""
        weights = OrderedDict((name, 0.0) for name in self.blobs)
        for node in self.graph.nodes:
            weights.update((top, w) for top, w in zip(node.top_names, node.loss_weights) if w)
        return weights

    # What the original's compiled class has, and programs use.

    def _forward(self, start: int, end: int) -> float:
        return self.graph.forward(start, end)

    def _backward(self, start: int, end: int) -> None:
        self.graph.backward(start, end)

    @property
    def _layer_names(self) -> list[str]:
        return [node.name for node in self.graph.nodes]

    @property
    def _blob_names(self) -> list[str]:
        return list(self.blobs)

    @property
    def _blobs(self) -> list[Blob]:
        return list(self.blobs.values())

    @property
    def _blob_loss_weights(self) -> list[float]:
        return list(self.blob_loss_weights.values())

    @property
    def _inputs(self) -> list[int]:
        return [self._blob_names.index(name) for name in self.inputs]

    @property
    def _outputs(self) -> list[int]:
        return [self._blob_names.index(name) for name in self.outputs]

    def _bottom_ids(self, layer: int) -> list[int]:
        return [self._blob_names.index(name) for name in self.graph.nodes[layer].bottom_names]

    def _top_ids(self, layer: int) -> list[int]:
        return [self._blob_names.index(name) for name in self.graph.nodes[layer].top_names]


def _length(arrays: Arrays) -> int:
    return len(next(iter(arrays.values()))) if arrays else 0


def _gather(gathered: dict[str, list[np.ndarray]], batch: Arrays) -> None:
    for name, array in batch.items():
        gathered.setdefault(name, []).append(array.copy().reshape(array.shape or (1,)))


def _join(gathered: dict[str, list[np.ndarray]], length: int) -> Arrays:
    """Each list as one array; where it holds an item a row of the input, what the filling added is cut off."""
    joined = {name: np.concatenate(parts) for name, parts in gathered.items()}
    return {name: array[:length] if len(array) > length else array for name, array in joined.items()}


def _check_memory(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if not array.flags.c_contiguous or array.dtype != np.float32 or array.ndim != 4:
        raise CaffeError(
            f"set_input_arrays: {name} must be a C-contiguous float32 array of 4 axes, found {array.dtype}, "
            f"{array.ndim} axes, {'C-contiguous' if array.flags.c_contiguous else 'not C-contiguous'}"
        )
    if array.shape[1:] != shape:
        raise CaffeError(f"set_input_arrays: each item of {name} must have shape {shape}, found {array.shape[1:]}")
