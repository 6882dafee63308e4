"""Write nets in Python: ``n = NetSpec(); n.conv1 = layers.Convolution(n.data, num_output=96, ...); n.to_proto()``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from caffe_torch.proto import caffe_pb2
from caffe_torch.runtime import user_modules

Value = Any


@cache
def _parameter_names(layer: Descriptor) -> dict[str, str]:
    """Layer type -> the name of its parameter field, e.g. ``Convolution`` -> ``convolution_param``."""
    names: dict[str, str] = {}
    for field in layer.fields:
        if field.message_type is not None and field.message_type.name.endswith("Parameter"):
            # Of a message that stands in two fields the first counts: Normalize takes SSD's norm_param.
            names.setdefault(field.message_type.name[: -len("Parameter")], field.name)
    return names


def to_proto(*tops: Top) -> Any:
    """The NetParameter of the layers that ``tops`` need, bottoms first; unnamed blobs and layers are numbered."""
    user_modules.load()
    made: OrderedDict[Function, Any] = OrderedDict()
    names: dict[Top, str] = {}
    counters: dict[str, int] = {}
    for top in tops:
        top.fn._to_proto(made, names, counters)
    net = caffe_pb2.NetParameter()
    net.layer.extend(made.values())
    return net


def assign_proto(proto: Message, name: str, value: Value) -> None:
    """Set a field from Python values: lists extend repeated fields, dicts fill messages, the rest is assigned.

    A name that the message does not have raises AttributeError naming it and the known ones.
    """
    fields = proto.DESCRIPTOR.fields_by_name
    if name not in fields:
        raise AttributeError(
            f"{proto.DESCRIPTOR.name} has no field {name!r}: known fields are {', '.join(sorted(fields))}"
        )
    repeated = hasattr(getattr(proto, name), "extend") and not isinstance(getattr(proto, name), (str, bytes))
    if repeated and not isinstance(value, (list, tuple)):
        value = [value]
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], dict):
            for item in value:
                _assign_dict(getattr(proto, name).add(), item)
        else:
            getattr(proto, name).extend(value)
    elif isinstance(value, dict):
        message = getattr(proto, name)
        message.SetInParent()
        _assign_dict(message, value)
    elif isinstance(value, Message):
        getattr(proto, name).CopyFrom(value)
    else:
        setattr(proto, name, value)


def _assign_dict(message: Message, values: dict[str, Value]) -> None:
    for key, value in values.items():
        assign_proto(message, key, value)


class Top:
    """One output blob of a layer that is yet to be written."""

    def __init__(self, fn: Function, n: int):
        self.fn = fn
        self.n = n

    def to_proto(self) -> Any:
        """The net that ends in this blob alone."""
        return to_proto(self)

    def _update(self, params: dict[str, Value]) -> None:
        self.fn._update(params)

    def _to_proto(self, made: OrderedDict[Function, Any], names: dict[Top, str], counters: dict[str, int]) -> Any:
        return self.fn._to_proto(made, names, counters)


class Function:
    """One layer: its type, its bottoms and its parameters."""

    def __init__(self, type_name: str, inputs: tuple[Top, ...], params: dict[str, Value]):
        self.type_name = type_name
        for index, blob in enumerate(inputs):
            if not isinstance(blob, Top):
                raise TypeError(f"{type_name} input {index} is not a Top (type is {type(blob)})")
        self.inputs = inputs
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        # in_place must be known before the tops exist: they then carry the bottom's name.
        self.in_place = self.params.pop("in_place", False)
        self.tops: tuple[Top, ...] = tuple(Top(self, n) for n in range(self.ntop))

    def _update(self, params: dict[str, Value]) -> None:
        self.params.update(params)

    def _layer_name(self, names: dict[Top, str], counters: dict[str, int]) -> str:
        if self not in names:  # type: ignore[comparison-overlap]
            names[self] = self._numbered(counters)  # type: ignore[index]
        return names[self]  # type: ignore[index]

    def _numbered(self, counters: dict[str, int]) -> str:
        counters[self.type_name] = counters.get(self.type_name, 0) + 1
        return f"{self.type_name}{counters[self.type_name]}"

    def _top_name(self, top: Top, names: dict[Top, str], counters: dict[str, int]) -> str:
        if top not in names:
            names[top] = self._numbered(counters)
        return names[top]

    def _to_proto(self, made: OrderedDict[Function, Any], names: dict[Top, str], counters: dict[str, int]) -> None:
        if self in made:
            return
        bottom_names = []
        for blob in self.inputs:
            blob._to_proto(made, names, counters)
            bottom_names.append(blob.fn._top_name(blob, names, counters))
        layer = caffe_pb2.LayerParameter()
        layer.type = self.type_name
        layer.bottom.extend(bottom_names)
        if self.in_place:
            layer.top.extend(layer.bottom)
            for blob, name in zip(self.tops, layer.bottom):
                own = names.get(blob)
                names[blob] = name
                layer.name = own or layer.name
        else:
            layer.top.extend(self._top_name(blob, names, counters) for blob in self.tops)
        if not layer.name:
            layer.name = layer.top[0] if self.tops and not self.in_place else self._layer_name(names, counters)
        for key, value in self.params.items():
            if key.endswith("param"):
                assign_proto(layer, key, value)
            elif key in caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name:
                assign_proto(layer, key, value)
            else:
                fields = _parameter_names(caffe_pb2.LayerParameter.DESCRIPTOR)
                if self.type_name not in fields:
                    raise AttributeError(f"{self.type_name} has no parameter {key!r}")
                assign_proto(getattr(layer, fields[self.type_name]), key, value)
        made[self] = layer


class NetSpec:
    """A net under construction: assigning a Top to an attribute (or key) names its blob and its layer."""

    tops: OrderedDict[str, Top]

    def __init__(self) -> None:
        super().__setattr__("tops", OrderedDict())

    def __setattr__(self, name: str, value: Top) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Top:
        try:
            return self.__dict__["tops"][name]
        except KeyError:
            raise AttributeError(f"the net has no blob {name!r}") from None

    def __setitem__(self, key: str, value: Top) -> None:
        self.tops[key] = value

    def __getitem__(self, item: str) -> Top:
        return self.tops[item]

    def __delitem__(self, name: str) -> None:
        del self.tops[name]

    def __delattr__(self, name: str) -> None:
        del self.tops[name]

    def keys(self) -> list[str]:
        return list(self.tops.keys())

    def vals(self) -> list[Top]:
        return list(self.tops.values())

    def update(self, others: NetSpec) -> None:
        """Take over all blobs of another NetSpec (or mapping)."""
        for name in others.keys():
            self[name] = others[name]

    def to_proto(self) -> Any:
        """The NetParameter of every blob named so far."""
        user_modules.load()
        names = {top: name for name, top in self.tops.items()}
        made: OrderedDict[Function, Any] = OrderedDict()
        counters: dict[str, int] = {}
        for top in self.tops.values():
            top._to_proto(made, names, counters)
        net = caffe_pb2.NetParameter()
        net.layer.extend(made.values())
        return net


class Layers:
    """``layers.Type(*bottoms, **parameters)`` makes a layer: one Top, a tuple of ``ntop`` Tops, or with 0 the layer."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def layer(*inputs: Top, **params: Value) -> Top | tuple[Top, ...] | Function:
            fn = Function(name, inputs, params)
            if fn.ntop == 0:
                return fn
            if fn.ntop == 1:
                return fn.tops[0]
            return fn.tops

        return layer


class _Enumeration:
    def __init__(self, owner: str):
        self._owner = owner

    def __getattr__(self, name: str) -> int:
        message = getattr(caffe_pb2, self._owner + "Parameter")
        return getattr(message, name)


class Parameters:
    """``params.Pooling.MAX``: the enumeration values of a layer's parameter message."""

    def __getattr__(self, name: str) -> _Enumeration:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Enumeration(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_parameter_names(caffe_pb2.LayerParameter.DESCRIPTOR))


layers = Layers()
params = Parameters()
