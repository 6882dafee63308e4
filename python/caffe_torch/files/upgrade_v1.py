"""V1 (2014): ``layers { type: CONVOLUTION blobs_lr: 1 weight_decay: 1 ... }``, types as an enum, multipliers flat."""

from __future__ import annotations

from typing import Any

from caffe_torch.proto import caffe_pb2

#: V1 types whose name today is not the words of the old one, capitalised and joined.
_TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BN": "BN",
    "BNLL": "BNLL",
    "DENSE_CRF": "DenseCRF",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "RELU6": "ReLU6",
    "ROIPOOLING": "ROIPooling",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}
#: Fields that mean the same in both.
_SAME = ("bottom", "top", "include", "exclude", "blobs", "loss_weight")
#: Data types that once held the transformation themselves, and what of it.
_TRANSFORMED = {"DATA": "data_param", "IMAGE_DATA": "image_data_param", "WINDOW_DATA": "window_data_param"}
_TRANSFORM = ("scale", "mean_file", "crop_size", "mirror")


def upgrade_transforms(net: Any) -> None:
    """Move scale, mean_file, crop_size and mirror of the data layers into their transform_param, in place.

    As in Caffe, where one layer of the net needs it, all data layers get a transform_param.
    """
    data_layers = []
    for layer in net.layers:
        name = _TRANSFORMED.get(caffe_pb2.V1LayerParameter.LayerType.Name(layer.type))
        if name is not None:
            data_layers.append((layer, name))
    if not any(getattr(layer, name).HasField(field) for layer, name in data_layers for field in _TRANSFORM):
        return
    for layer, name in data_layers:
        param = getattr(layer, name)
        param.SetInParent()
        layer.transform_param.SetInParent()
        for field in _TRANSFORM:
            if param.HasField(field):
                setattr(layer.transform_param, field, getattr(param, field))
                param.ClearField(field)


def upgrade_v1(net: Any) -> Any:
    """The net with ``layer`` entries in place of its ``layers``."""
    new = caffe_pb2.NetParameter()
    new.CopyFrom(net)
    new.ClearField("layers")
    for layer in net.layers:
        _upgrade_layer(layer, new.layer.add())
    return new


def layer_type(number: int) -> str:
    """Today's name of a V1 type."""
    old = caffe_pb2.V1LayerParameter.LayerType.Name(number)
    return _TYPES.get(old, "".join(word.capitalize() for word in old.split("_")))


def _upgrade_layer(old: Any, new: Any) -> None:
    for field in _SAME:
        getattr(new, field).extend(getattr(old, field))
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        new.type = layer_type(old.type)
    count = max(len(old.param), len(old.blob_share_mode), len(old.blobs_lr), len(old.weight_decay))
    for i in range(count):
        spec = new.param.add()
        if i < len(old.param):
            spec.name = old.param[i]
        if i < len(old.blob_share_mode):
            spec.share_mode = old.blob_share_mode[i]  # the two enums have the same numbers
        if i < len(old.blobs_lr):
            spec.lr_mult = old.blobs_lr[i]
        if i < len(old.weight_decay):
            spec.decay_mult = old.weight_decay[i]
    for descriptor, value in old.ListFields():
        if descriptor.name.endswith("_param"):
            getattr(new, descriptor.name).CopyFrom(value)
