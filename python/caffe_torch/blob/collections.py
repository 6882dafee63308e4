"""Blobs as pycaffe shows them, in lists and by name: what stands there is a Blob, and values go into its ``data``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, SupportsIndex

from caffe_torch.blob.blob import Blob


class BlobVec(list[Blob]):
    """A layer's parameters; TypeError where something else than a Blob is put in."""

    def add_blob(self, *shape: int) -> None:
        """Append a parameter of this shape, filled with zeros; its lr_mult and decay_mult are the prototxt's."""
        self.append(Blob(*shape))

    def append(self, blob: Blob) -> None:
        super().append(_blob(blob))

    def insert(self, index: SupportsIndex, blob: Blob) -> None:
        super().insert(index, _blob(blob))

    def extend(self, blobs: Iterable[Blob]) -> None:
        super().extend(_blob(blob) for blob in blobs)

    def __iadd__(self, blobs: Iterable[Blob]) -> BlobVec:  # type: ignore[override,misc]
        self.extend(blobs)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            super().__setitem__(index, [_blob(blob, "[0]") for blob in value])
        else:
            super().__setitem__(index, _blob(value, f"[{index}]"))


class NamedBlobs(OrderedDict[str, Blob]):
    """A net's blobs by name; TypeError where something else than a Blob is put in."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, _blob(value, f"[{name!r}]"))


class NamedParameters(OrderedDict[str, list[Blob]]):
    """A net's parameters by layer; TypeError where something else than a list of Blobs is put in."""

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(value, list) or not all(isinstance(blob, Blob) for blob in value):
            raise TypeError(
                f"[{name!r}] is a layer's list of blobs, not to be set: to write values into one, say "
                f"[{name!r}][0].data[...] = array"
            )
        super().__setitem__(name, value)


def _blob(value: Any, place: str = "") -> Blob:
    if not isinstance(value, Blob):
        raise TypeError(
            f"a Blob is expected, found {type(value).__name__}: to write values into a blob, say "
            f"{place}.data[...] = array"
        )
    return value
