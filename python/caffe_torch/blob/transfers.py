"""Several arrays moved between host and device at once: one copy, and one wait, for all of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from caffe_torch.blob.array import Array
from caffe_torch.runtime import device


def fetch(arrays: Iterable[Array]) -> None:
    """Bring to the host what only the device has."""
    pending = [(array, tensor) for array in _each(arrays) if (tensor := array.to_fetch()) is not None]
    if not pending:
        return
    parts = [tensor.reshape(-1) for _, tensor in pending]
    host = device.download(parts[0] if len(parts) == 1 else torch.cat(parts))
    for (array, _), part in zip(pending, host.split([len(part) for part in parts])):
        array.fetched(part.reshape(array.shape))


def send(arrays: Iterable[Array], where: torch.device) -> None:
    """Bring to the device ``where`` what only the host has."""
    if where.type == "cpu":
        return
    pending = [(array, tensor) for array in _each(arrays) if (tensor := array.to_send()) is not None]
    if not pending:
        return
    parts = [tensor.reshape(-1) for _, tensor in pending]
    host = torch.from_numpy(device.host_array(sum(len(part) for part in parts)))
    torch.cat(parts, out=host)
    there = host.to(where, non_blocking=True)
    for (array, _), part in zip(pending, there.split([len(part) for part in parts])):
        array.sent(part.reshape(array.shape))


def _each(arrays: Iterable[Array]) -> list[Array]:
    """Every array once: blobs may share one."""
    return list({id(array): array for array in arrays}.values())
