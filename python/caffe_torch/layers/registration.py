"""register_layer: a layer type of the user's own, with parameters of its own in the prototxt."""

from __future__ import annotations

import os
from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.layers import pylayer
from caffe_torch.layers.base import REGISTRY, Layer
from caffe_torch.layers.python import PythonLayer
from caffe_torch.proto.extension import add_layer_field
from caffe_torch.runtime import log

#: (field, message class or descriptor or .proto file), and the message's name where the file has several.
Param = tuple[Any, ...]


def register_layer(type_name: str, cls: type[Any], param: Param | None = None) -> None:
    """Make ``cls`` the layer of ``type: "<type_name>"``, in place of any other of that type.

    ``cls`` is a subclass of ``caffe.Layer`` (NumPy, as for a Python layer) or of the engine's own ``Layer`` or
    ``FunctionLayer`` (tensors; caffe_torch.layers.base). ``param=("my_param", X)`` adds a field to LayerParameter; X is
    a message class, its descriptor or a .proto file (see proto/extension.py). A ``caffe.Layer`` finds its
    LayerParameter in ``self.layer_param``, the engine's own in ``self.param``. Errors: CaffeError for another class, a
    field or message that exists.
    """
    if not isinstance(cls, type) or not issubclass(cls, (Layer, pylayer.Layer)):
        raise CaffeError(
            f"register_layer({type_name!r}): expected a subclass of caffe.Layer or of caffe_torch.layers.base.Layer, "
            f"found {cls!r}"
        )
    if param is not None:
        if not isinstance(param, tuple) or len(param) not in (2, 3) or not isinstance(param[0], str):
            raise CaffeError(
                f"register_layer({type_name!r}): param must be (field's name, message class or .proto file), "
                f"found {param!r}"
            )
        add_layer_field(*(os.fspath(part) if isinstance(part, os.PathLike) else part for part in param))
    if type_name in REGISTRY and not issubclass(REGISTRY[type_name], _UserLayer):
        log.info(f"layer type {type_name}: {cls.__module__}.{cls.__qualname__} takes the place of the built-in one")
    REGISTRY[type_name] = cls if issubclass(cls, Layer) else type(cls.__name__, (_UserLayer,), {"user_class": cls})


class _UserLayer(PythonLayer):
    """A ``caffe.Layer`` under a type of its own."""

    user_class: type[pylayer.Layer]

    def _load(self) -> pylayer.Layer:
        return self.user_class(self.param)
