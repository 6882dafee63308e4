"""The model in onnxruntime against the net, output by output; the layer at fault where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper

from caffe_torch.errors import CaffeError
from caffe_torch.export.preprocessing import Preprocessing
from caffe_torch.export.registry import CONVERTERS, MakeTestValues
from caffe_torch.export.subgraph import LayerNode, Subgraph

#: max|a-b| / max|b| of an output, above which a model is not kept.
TOLERANCE = 1e-4
#: The least "largest value": where all of a net's probabilities are nearly 0, onnxruntime's are so to 1e-8 alone.
_LEAST = 1e-3
#: Random images are about as large as pixels without their mean.
_PIXELS = 50.0
#: Layers whose bottoms hold what their tops do, so that values drawn for the tops are the bottoms'.
_PASSING = ("Split", "Slice", "Flatten", "Reshape")

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Deviation:
    """The largest difference seen, of which output, over how many runs."""

    worst: float
    blob: str
    runs: int

    def __str__(self) -> str:
        return f"{self.worst:.1e} (of the largest value of {self.blob!r}; {self.runs} runs)"


def deviation(model: np.ndarray, net: np.ndarray) -> float:
    """max|a - b| / max|b| of what is finite in the net, max|b| counted as 1e-3 at least.

    Infinite where another value than the net's is not finite.
    """
    finite = np.isfinite(net)
    if not np.array_equal(model[~finite], net[~finite], equal_nan=True):
        return float("inf")
    model, net = model[finite], net[finite]
    if net.size == 0:
        return 0.0
    gap = float(np.abs(np.subtract(model, net, dtype=np.float64)).max())
    return gap / max(float(np.abs(net).max()), _LEAST) if np.isfinite(gap) else float("inf")


def check(
    data: bytes, model: onnx.ModelProto, exported: Subgraph, preprocessing: Preprocessing | None, given: Arrays | None
) -> Deviation:
    """Run both on random inputs of the exported sizes and of others, and on ``given``; CaffeError where they differ."""
    try:
        onnx.checker.check_model(data)
    except onnx.checker.ValidationError as error:
        raise CaffeError(f"export: the model is not valid ONNX ({error})") from None
    run = _session(data)
    worst, runs = Deviation(0.0, exported.outputs[0], 0), 0
    for arrays in _inputs(exported, preprocessing, given):
        theirs = exported.run(_for_net(arrays, exported, preprocessing), exported.outputs)
        ours = _run(run, arrays, exported.outputs)
        runs += 1
        for name in exported.outputs:
            if ours[name].shape != theirs[name].shape:
                raise CaffeError(
                    f"export: output {name!r} has shape {ours[name].shape} in onnxruntime, {theirs[name].shape} in the "
                    f"net, for inputs of {_shown(arrays)}"
                )
            apart = deviation(ours[name], theirs[name])
            if apart > TOLERANCE:
                raise CaffeError(
                    f"export: output {name!r} differs by {apart:.1e} of its largest value from the net's, "
                    f"{TOLERANCE:g} is allowed; {_culprit(model, exported, arrays, preprocessing)}"
                )
            if apart >= worst.worst:
                worst = Deviation(apart, name, runs)
    return Deviation(worst.worst, worst.blob, runs)


def _shown(arrays: Arrays) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items())


def _session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, arrays: Arrays, outputs: list[str]) -> dict[str, np.ndarray]:
    try:
        return dict(zip(outputs, session.run(outputs, dict(arrays))))
    except Exception as error:  # onnxruntime's own errors have no common class
        raise CaffeError(f"export: onnxruntime cannot run the model with {_shown(arrays)}: {error}") from None


def _for_net(arrays: Arrays, exported: Subgraph, preprocessing: Preprocessing | None) -> Arrays:
    if preprocessing is None:
        return arrays
    blob = preprocessing.input(exported.inputs)
    return {**arrays, blob: preprocessing.apply(arrays[blob], exported.inputs[blob])}


def _inputs(exported: Subgraph, preprocessing: Preprocessing | None, given: Arrays | None) -> Iterator[Arrays]:
    random = np.random.default_rng(0)
    test_values = _test_values_of(exported)
    images = preprocessing.input(exported.inputs) if preprocessing is not None else None
    shapes = [{name: getattr(shape, sizes) for name, shape in exported.inputs.items()} for sizes in ("sizes", "others")]
    for wanted in shapes if shapes[0] != shapes[1] else shapes[:1]:
        yield {name: _drawn(random, size, test_values.get(name), name == images) for name, size in wanted.items()}
    if given is not None:
        if set(exported.inputs) - set(given) or set(given) - set(exported.net.inputs):
            raise CaffeError(f"export: inputs are given for {sorted(given)}, the model's are {list(exported.inputs)}")
        yield {name: np.asarray(given[name], np.float32, order="C") for name in exported.inputs}


def _drawn(
    random: np.random.Generator, shape: tuple[int, ...], draw: tuple[LayerNode, MakeTestValues] | None, pixels: bool
) -> np.ndarray:
    if draw is not None:
        return draw[1](draw[0], random, shape)
    if pixels:
        return random.uniform(0, 255, shape).astype(np.float32)
    return np.asarray(random.standard_normal(shape, np.float32) * np.float32(_PIXELS if len(shape) == 4 else 1))


def _test_values_of(exported: Subgraph) -> dict[str, tuple[LayerNode, MakeTestValues]]:
    """How test values for a blob are made, where a layer does not take every number."""
    test_values: dict[str, tuple[LayerNode, MakeTestValues]] = {}
    for layer_node in reversed(exported.layer_nodes):
        if layer_node.type in CONVERTERS:
            for k, make in CONVERTERS[layer_node.type].test_values.items():
                if -len(layer_node.bottoms) <= k < len(layer_node.bottoms):
                    test_values[layer_node.bottoms[k]] = layer_node, make
        if layer_node.type in _PASSING:
            chosen = next((test_values[top] for top in layer_node.tops if top in test_values), None)
            if chosen is not None:
                test_values.setdefault(layer_node.bottoms[0], chosen)
    return test_values


def _culprit(model: onnx.ModelProto, exported: Subgraph, arrays: Arrays, preprocessing: Preprocessing | None) -> str:
    """The first layer, in the net's order, whose top differs once all layers in place have had it."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    values = {name for node in model.graph.node for name in node.output}
    tops = list(dict.fromkeys(top for layer_node in exported.layer_nodes for top in layer_node.tops if top in values))
    del whole.graph.output[:]
    whole.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in tops)
    ours = _run(_session(whole.SerializeToString()), arrays, tops)
    theirs = exported.run(_for_net(arrays, exported, preprocessing), tops)
    last_writer = {top: layer_node for layer_node in exported.layer_nodes for top in layer_node.tops}
    for layer_node in exported.layer_nodes:
        for top in layer_node.tops:
            if top not in ours or last_writer[top] is not layer_node:
                continue
            if ours[top].shape != theirs[top].shape or deviation(ours[top], theirs[top]) > TOLERANCE:
                return f"the first to differ is layer {layer_node.name!r} ({layer_node.type}), at blob {top!r}"
    return "no layer by itself differs as much"
