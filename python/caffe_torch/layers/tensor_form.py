"""The form in tensors that a user's layer may offer beside its NumPy one, for an accelerator.

The user's class names it, ``tensor_form = "module:Class"``, which the original does not look at. It is made as
``Class(layer)``, with the user's layer once that is set up, and has ``forward(bottom, top)`` and ``backward(top,
propagate_down, bottom)`` on the same blobs: it reads ``blob.tensor()`` and ``blob.diff_tensor()``, PyTorch tensors on
the device, and gives ``blob.assign(tensor)`` and ``blob.assign_diff(tensor)``; for parameters, whose gradients add up,
``blob.accumulate_diff(tensor)``. ``setup`` and ``reshape`` stay the NumPy layer's.
"""

from __future__ import annotations

import importlib
from typing import Any

from caffe_torch.layers.base import Layer
from caffe_torch.runtime.user_modules import import_failure


def load(layer: Layer, name: str) -> Any:
    """The class of a ``tensor_form``; CaffeError, as of ``layer``, where there is none of that name."""
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        why = import_failure(module_name, error) if isinstance(error, ImportError) else f"names no module ({error})"
        raise layer.fail(f"its tensor_form {name!r}: {why}") from error
    form = getattr(module, class_name, None)
    if not isinstance(form, type) or not all(hasattr(form, method) for method in ("forward", "backward")):
        raise layer.fail(f'its tensor_form {name!r} is no class with forward and backward: expected "module:Class"')
    return form
