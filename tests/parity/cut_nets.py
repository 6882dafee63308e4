"""A fork's net as OpenCV 4 can judge it: types it lacks written otherwise, or cut out for a judge in NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from fork_definitions import proposals, unpooled, yolo_v2_boxes
from judges import input_net

from caffe_torch.files.prototxt import parse
from caffe_torch.proto import caffe_pb2

#: Cut out of the net: their tops become inputs, with this engine's values.
CUT = ("Proposal", "Upsample", "YoloDetectionOutput")
#: These choose, and a rounding may change a choice: they get this engine's values as bottoms.
GIVEN = ("DetectionOutput",)


class Cut(NamedTuple):
    """A net for OpenCV: its layers with their blobs, its inputs, and which blob each of its last layers gives."""

    net: Any
    inputs: dict[str, np.ndarray]
    ends: dict[str, str]


def cut(ours: Any, text: str, inputs: dict[str, np.ndarray]) -> Cut:
    """``ours`` is the net of the layers in ``text``, of this engine, and has run on ``inputs``."""
    net, inputs_of_parts, layers = caffe_pb2.NetParameter(), dict(inputs), []
    for layer in parse(text, caffe_pb2.NetParameter()).layer:
        for blob in ours.params.get(layer.name, ()):
            layer.blobs.append(caffe_pb2.BlobProto(data=blob.data.reshape(-1)))
            layer.blobs[-1].shape.dim.extend(blob.shape)
        if layer.type in CUT:
            inputs_of_parts.update({top: _value(ours, top) for top in layer.top})
            continue
        if layer.type in GIVEN:
            for i, blob in enumerate(layer.bottom):
                layer.bottom[i] = f"{blob}_given"
                inputs_of_parts[f"{blob}_given"] = _value(ours, blob)
        layers += _written_otherwise(layer)
    used = {blob for layer in layers for blob in layer.bottom}
    inputs_of_parts = {blob: value for blob, value in inputs_of_parts.items() if blob in used}
    net.layer.extend(layers)
    return Cut(net, inputs_of_parts, _ends(layers))


def _value(ours: Any, blob: str) -> np.ndarray:
    return np.array(ours.blobs[blob].data)


def _ends(layers: list[Any]) -> dict[str, str]:
    """The blobs that no later layer reads, by the layer that gives them."""
    last: dict[str, str] = {}
    for layer in layers:
        for blob in layer.bottom:
            last.pop(blob, None)
        for blob in layer.top:
            last[blob] = layer.name
    return {name: blob for blob, name in last.items()}


def _written_otherwise(layer: Any) -> list[Any]:
    """The layer in the types that OpenCV has."""
    if layer.type in ("DepthwiseConvolution", "ConvolutionDepthwise"):
        layer.type = "Convolution"
        layer.convolution_param.group = layer.blobs[0].shape.dim[0]
    elif layer.type == "Axpy":
        # OpenCV scales the third bottom and adds the second.
        a, x, y = layer.bottom
        layer.bottom[:] = [a, y, x]
    elif layer.type == "Pooling" and len(layer.top) > 1:
        del layer.top[1:]
    elif layer.type == "BN":
        return _batch_norm(layer)
    return [layer]


def _batch_norm(layer: Any) -> list[Any]:
    """PSPNet's BN as BatchNorm and Scale, SegNet's in INFERENCE as Scale."""
    blobs = [_flat(blob) for blob in layer.blobs]
    scale = caffe_pb2.LayerParameter(name=f"{layer.name}/affine", type="Scale", bottom=layer.top, top=layer.top)
    scale.scale_param.bias_term = True
    scale.blobs.extend(blobs[:2])
    if len(blobs) == 2:
        assert layer.bn_param.bn_mode == layer.bn_param.INFERENCE
        scale.bottom[:] = layer.bottom
        return [scale]
    first = caffe_pb2.LayerParameter(name=layer.name, type="BatchNorm", bottom=layer.bottom, top=layer.top)
    first.batch_norm_param.eps = layer.bn_param.eps
    scale_factor = caffe_pb2.BlobProto(data=[1])
    scale_factor.shape.dim.append(1)
    first.blobs.extend([*blobs[2:], scale_factor])
    return [first, scale]


def _flat(blob: Any) -> Any:
    result = caffe_pb2.BlobProto(data=blob.data)
    result.shape.dim.append(len(blob.data))
    return result


def write(cut_net: Cut, folder: Path, name: str) -> None:
    """The files of a job of opencv_runner.py."""
    (folder / f"{name}.caffemodel").write_bytes(cut_net.net.SerializeToString())
    text = caffe_pb2.NetParameter()
    text.CopyFrom(cut_net.net)
    for layer in text.layer:
        del layer.blobs[:]
    (folder / f"{name}.prototxt").write_text(input_net(str(text), cut_net.inputs))
    np.savez(folder / f"{name}.in.npz", **cut_net.inputs)  # type: ignore[arg-type]


def defined(ours: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(this engine's top, the definition's in NumPy) of each layer that is cut out, and of each pooling's places."""
    result = {}
    for name, layer in ours.layer_dict.items():
        bottoms = [_value(ours, blob) for blob in ours.bottom_names[name]]
        tops = [_value(ours, blob) for blob in ours.top_names[name]]
        if layer.type == "Proposal":
            expected = proposals(bottoms[0], bottoms[1], bottoms[2], layer.param.proposal_param)
        elif layer.type == "Upsample":
            expected = unpooled(bottoms[0], bottoms[1], tops[0].shape[2:])
        elif layer.type == "YoloDetectionOutput":
            expected = yolo_v2_boxes(bottoms[0], layer.param.yolo_detection_output_param)
        elif layer.type == "Pooling" and len(tops) > 1:
            # Where the mask points, the map has the pooled value; which map that is is OpenCV's to judge.
            flat = bottoms[0].reshape(*bottoms[0].shape[:2], -1)
            places = tops[1].reshape(*tops[1].shape[:2], -1).astype(np.int64)
            expected = np.take_along_axis(flat, places, axis=2).reshape(tops[0].shape)
        else:
            continue
        result[name] = (tops[0], expected)
    return result
