"""V0 (2013): ``layers { layer { name type ... } bottom top }`` with the settings of every type in one flat message."""

from __future__ import annotations

from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import log

#: V0 type -> V1 type; all others are the V0 type in capitals.
_TYPES = {
    "conv": "CONVOLUTION",
    "images": "IMAGE_DATA",
    "innerproduct": "INNER_PRODUCT",
    "pool": "POOLING",
}
_KNOWN = (
    "accuracy", "bnll", "concat", "conv", "data", "dropout", "euclidean_loss", "flatten", "hdf5_data", "hdf5_output",
    "im2col", "images", "infogain_loss", "innerproduct", "lrn", "multinomial_logistic_loss", "pool", "relu", "sigmoid",
    "softmax", "softmax_loss", "split", "tanh", "window_data",
)  # fmt: skip
_CONV, _FC, _POOL, _LRN = "convolution_param", "inner_product_param", "pooling_param", "lrn_param"
_WINDOW = {"window_data": "window_data_param"}
_SOURCES = {
    "data": "data_param",
    "hdf5_data": "hdf5_data_param",
    "images": "image_data_param",
    "window_data": "window_data_param",
}
_IMAGES = {"images": "image_data_param"}
#: V0 field -> ({V0 type: V1 message}, its field there).
_FIELDS: dict[str, tuple[dict[str, str], str]] = {
    "num_output": ({"conv": _CONV, "innerproduct": _FC}, "num_output"),
    "biasterm": ({"conv": _CONV, "innerproduct": _FC}, "bias_term"),
    "weight_filler": ({"conv": _CONV, "innerproduct": _FC}, "weight_filler"),
    "bias_filler": ({"conv": _CONV, "innerproduct": _FC}, "bias_filler"),
    "pad": ({"conv": _CONV, "pool": _POOL}, "pad"),
    "kernelsize": ({"conv": _CONV, "pool": _POOL}, "kernel_size"),
    "group": ({"conv": _CONV}, "group"),
    "stride": ({"conv": _CONV, "pool": _POOL}, "stride"),
    "pool": ({"pool": _POOL}, "pool"),
    "dropout_ratio": ({"dropout": "dropout_param"}, "dropout_ratio"),
    "local_size": ({"lrn": _LRN}, "local_size"),
    "alpha": ({"lrn": _LRN}, "alpha"),
    "beta": ({"lrn": _LRN}, "beta"),
    "k": ({"lrn": _LRN}, "k"),
    "source": ({**_SOURCES, "infogain_loss": "infogain_loss_param"}, "source"),
    "batchsize": (_SOURCES, "batch_size"),
    "rand_skip": ({"data": "data_param", **_IMAGES}, "rand_skip"),
    "shuffle_images": (_IMAGES, "shuffle"),
    "new_height": (_IMAGES, "new_height"),
    "new_width": (_IMAGES, "new_width"),
    "concat_dim": ({"concat": "concat_param"}, "concat_dim"),
    "det_fg_threshold": (_WINDOW, "fg_threshold"),
    "det_bg_threshold": (_WINDOW, "bg_threshold"),
    "det_fg_fraction": (_WINDOW, "fg_fraction"),
    "det_context_pad": (_WINDOW, "context_pad"),
    "det_crop_mode": (_WINDOW, "crop_mode"),
    "hdf5_output_param": ({"hdf5_output": "hdf5_output_param"}, ""),
}
#: V0 field -> field of transform_param, whatever the type.
_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}


def upgrade_v0(net: Any, source: str) -> Any:
    """The net with V1 layers; of its other fields only name, inputs and force_backward stay, as in Caffe."""
    new = caffe_pb2.NetParameter(input=net.input, input_dim=net.input_dim)
    for field in ("name", "force_backward"):
        if net.HasField(field):
            setattr(new, field, getattr(net, field))
    for connection in _without_padding(net, source):
        _upgrade_layer(connection, new.layers.add(), source)
    return new


def _without_padding(net: Any, source: str) -> list[Any]:
    """Padding layers become the ``pad`` of the convolution or pooling that they feed."""
    made_by: dict[str, Any] = {name: None for name in net.input}
    kept = []
    for given in net.layers:
        connection = type(given)()
        connection.CopyFrom(given)
        for j, name in enumerate(given.bottom):
            if name not in made_by:
                raise CaffeError(f"{source}: layer {given.layer.name!r}: unknown bottom blob {name!r}")
            feeder = made_by[name]
            if feeder is None or feeder.layer.type != "padding":
                continue
            if given.layer.type not in ("conv", "pool") or len(given.bottom) != 1 or len(feeder.bottom) != 1:
                raise CaffeError(
                    f"{source}: padding layer {feeder.layer.name!r} feeds {given.layer.name!r} ({given.layer.type}); "
                    "it may feed only a conv or pool layer of one bottom"
                )
            connection.layer.pad = feeder.layer.pad
            connection.bottom[j] = feeder.bottom[0]
        if given.layer.type != "padding":
            kept.append(connection)
        made_by.update((name, given) for name in given.top)
    return kept


def _upgrade_layer(connection: Any, new: Any, source: str) -> None:
    if not connection.HasField("layer"):
        raise CaffeError(f"{source}: layer {connection.name!r} is in the V1 format, others are in V0: write all in one")
    new.bottom.extend(connection.bottom)
    new.top.extend(connection.top)
    old = connection.layer
    where = f"{source}: layer {old.name!r}"
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        if old.type not in _KNOWN:
            raise CaffeError(f"{where}: unknown V0 layer type {old.type!r} (known types: {', '.join(_KNOWN)}, padding)")
        new.type = caffe_pb2.V1LayerParameter.LayerType.Value(_TYPES.get(old.type, old.type.upper()))
    new.blobs.extend(old.blobs)
    new.blobs_lr.extend(old.blobs_lr)
    new.weight_decay.extend(old.weight_decay)
    for descriptor, value in old.ListFields():
        field = descriptor.name
        if field in _TRANSFORM:
            setattr(new.transform_param, _TRANSFORM[field], value)
        elif field in _FIELDS:
            messages, target = _FIELDS[field]
            if old.type in messages:
                _put(getattr(new, messages[old.type]), target, value)
            else:
                log.warning(f"{where}: {field} means nothing for type {old.type!r} and is left out")


def _put(message: Any, field: str, value: Any) -> None:
    if not field:
        message.CopyFrom(value)
        return
    present = getattr(message, field)
    if hasattr(present, "CopyFrom"):
        present.CopyFrom(value)
    elif hasattr(present, "append"):
        present.append(value)
    else:
        setattr(message, field, value)
