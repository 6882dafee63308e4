"""Python: a layer that the user wrote against caffe.Layer."""

from __future__ import annotations

import importlib
import os
from typing import Any, Callable

from caffe_torch.blob.blob import Blob
from caffe_torch.errors import CaffeAttributeError
from caffe_torch.files.prototxt import nearest
from caffe_torch.layers import pylayer, tensor_form
from caffe_torch.layers.base import Layer, register
from caffe_torch.runtime import device
from caffe_torch.runtime.user_modules import import_failure

#: Set by CAFFE_TORCH_FORBID_PYTHON=1: a .prototxt names modules to import, so it is code; this flag refuses that.
_FORBID = "CAFFE_TORCH_FORBID_PYTHON"

#: Names for ``setup``, in small letters without underscores, that elsewhere are usual.
_LIKE_SETUP = ("setup", "setups", "layersetup")


@register("Python")
class PythonLayer(Layer):
    """Imports ``python_param.module`` and runs its class ``python_param.layer``.

    Where that class has ``state_dict`` and ``load_state_dict``, a snapshot keeps its state as a built-in layer's.
    Where it names a ``tensor_form``, that runs in its place on an accelerator (docs/PYCAFFE.md).
    """

    bottoms = (0, None)
    tops = (0, None)

    def __init__(self, param: Any, phase: int):
        super().__init__(param, phase)
        self.user = self._load()
        self.user.param_str = param.python_param.param_str
        self.user.phase = pylayer.Phase(phase)
        self.user.layer_param = param
        self.blobs = self.user.blobs
        self._form: Any = None
        self._in_tensors = False

    def _load(self) -> pylayer.Layer:
        if not self.param.HasField("python_param"):
            raise self.fail("needs a python_param with the module and the layer (the class) to run")
        module_name, class_name = self.param.python_param.module, self.param.python_param.layer
        if os.environ.get(_FORBID, "0") not in ("", "0"):
            raise self.fail(f"Python layers are forbidden here ({_FORBID}); it asks for {module_name}.{class_name}")
        if not all(module_name.split(".")) or "\0" in module_name:
            raise self.fail(f"python_param.module is {module_name!r}: the name of a module to import is expected")
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise self.fail(import_failure(module_name, error)) from error
        cls = getattr(module, class_name, None)
        if not isinstance(cls, type) or not issubclass(cls, pylayer.Layer):
            classes = [n for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, pylayer.Layer)]
            raise self.fail(
                f"module {module_name!r} ({getattr(module, '__file__', 'built in')}) has no caffe.Layer class "
                f"{class_name!r}; it has {', '.join(classes) or 'none'}"
            )
        return cls(self.param)

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        cls = type(self.user)
        if cls.setup is pylayer.Layer.setup:  # it may have none, but not one that nothing calls
            for name in dir(cls):
                if name != "setup" and name.replace("_", "").lower() in _LIKE_SETUP:
                    raise self.fail(
                        f"its class {cls.__name__} has {name!r}, which nothing calls: did you mean 'setup'?"
                    )
        self.user.setup(bottom, top)

    def reshape(self, bottom: list[Blob], top: list[Blob]) -> None:
        self._method("reshape")(bottom, top)

    def forward(self, bottom: list[Blob], top: list[Blob]) -> None:
        # A subclass may compute something else than the class that named the form.
        named = vars(type(self.user)).get("tensor_form")
        self._in_tensors = bool(named) and device.current().type != "cpu"
        if self._in_tensors:
            if self._form is None:
                self._form = tensor_form.load(self, str(named))(self.user)
            self._form.forward(bottom, top)
            return
        Blob.fetch(bottom)
        self._method("forward")(bottom, top)

    def backward(self, top: list[Blob], propagate_down: list[bool], bottom: list[Blob]) -> None:
        if self._in_tensors:
            self._form.backward(top, propagate_down, bottom)
            return
        Blob.fetch_diffs(top)
        self._method("backward")(top, propagate_down, bottom)
        Blob.send_diffs(blob for blob, wanted in zip(bottom, propagate_down) if wanted)

    def complaint(self, bottom: list[Blob], top: list[Blob]) -> str:
        if not self._in_tensors:
            return ""
        try:
            self._method("forward")([blob.copy() for blob in bottom], [blob.copy() for blob in top])
        except ValueError as error:
            return str(error)
        return ""

    def _method(self, name: str) -> Callable[..., None]:
        """The user's method, which caffe.Layer itself does not have."""
        method = getattr(self.user, name, None)
        if method is None:
            cls = type(self.user)
            own = [n for n in dir(cls) if not hasattr(pylayer.Layer, n)]
            what = "a gradient has to pass it" if name == "backward" else "the net runs it"
            raise CaffeAttributeError(
                f"layer {self.name!r} (Python): its class {cls.__name__} has no method {name!r}, and {what};"
                f"{nearest(name, own)} it has {', '.join(own) or 'none of its own'}"
            )
        return method

    def state_dict(self) -> dict[str, Any]:
        # Written for pycaffe, a layer may call anything else of its own `state_dict`: both must be methods.
        own: list[Any] = [getattr(self.user, name, None) for name in ("state_dict", "load_state_dict")]
        state = own[0]() if all(callable(method) for method in own) else {}
        if not isinstance(state, dict):
            raise self.fail(f"its state_dict() must return a dict of JSON values and NumPy arrays, found {state!r}")
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.user.load_state_dict(state)  # type: ignore[attr-defined]
