"""caffe.Layer: the base class of the user's own layers in Python."""

from __future__ import annotations

from typing import Any

from caffe_torch.blob.blob import Blob
from caffe_torch.blob.collections import BlobVec
from caffe_torch.layers import inline_weights


class Phase(int):
    """0 or 1, whose text is TRAIN or TEST, as layers written for some forks expect."""

    def __str__(self) -> str:
        return "TEST" if self else "TRAIN"


class Layer:
    """Subclass this and give ``setup``, ``reshape``, ``forward`` and ``backward``, as with pycaffe.

    This class itself has no ``reshape``, ``forward`` and ``backward``: where a gradient has to pass a layer without
    ``backward`` that is an error, as in pycaffe, and what lies below does not silently stop to learn.

    ``param_str`` is the prototxt's ``python_param.param_str``, ``phase`` 0 (TRAIN) or 1 (TEST), ``blobs`` the layer's
    own parameters: those of its ``blobs`` in the prototxt, and more by ``self.blobs.add_blob(2, 3)``; ``layer_param``
    the whole LayerParameter. A layer with a state may have ``memory()``, which returns it as a dict of JSON values and
    NumPy arrays, and ``recall(memory)``, which takes it over when a training is resumed.
    """

    param_str = ""
    phase = 0
    layer_param: Any = None
    type = "Python"

    @property
    def param_str_(self) -> str:
        """``param_str`` under the name that forks from before 2015 have."""
        return self.param_str

    def __new__(cls, *args: Any, **kwargs: Any) -> Layer:
        # Made here and not in __init__, which subclasses need not call.
        self = super().__new__(cls)
        param = args[0] if args else kwargs.get("param")
        self.blobs = BlobVec(inline_weights.given(param) if param is not None else ())
        return self

    def __init__(self, param: Any = None):
        """``param`` is the LayerParameter; a subclass that has its own ``__init__`` is given it too."""

    blobs: BlobVec

    def setup(self, bottom: list[Blob], top: list[Blob]) -> None:
        """Check the bottoms, read ``param_str``; optional."""
