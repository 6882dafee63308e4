"""The names of pycaffe's vector types, for programs that import them; the engine itself gives lists and tuples."""

from __future__ import annotations


class RawBlobVec(list):
    """Of Blob: a layer's bottoms and tops."""


class LayerVec(list):
    """Of Layer: a net's layers."""


class NetVec(list):
    """Of Net: a solver's test nets."""


class StringVec(list):
    """Of str: names."""


class IntVec(list):
    """Of int: indices."""


class DtypeVec(list):
    """Of float: loss weights."""


class BoolVec(list):
    """Of bool: propagate_down."""
