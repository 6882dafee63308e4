"""What databases of Datum records have in common: their order, samples of them, and the Datum of a record."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from caffe_torch.errors import CaffeError
from caffe_torch.proto import caffe_pb2

#: How many records ``sample`` reads at each end, and how many in between.
ENDS, BETWEEN = 4, 24


class Source(ABC):
    """A read-only database in the folder ``path``, its records in the order of the keys' bytes."""

    #: As ``data_param.backend`` names it, and the file by which a folder is known to be one.
    kind: str
    mark: str
    path: str

    @abstractmethod
    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """(key, serialized Datum) without end, beginning with record ``start`` modulo the number of records."""

    @abstractmethod
    def once(self) -> Iterator[tuple[bytes, bytes]]:
        """(key, serialized Datum) of every record."""

    @abstractmethod
    def sample(self) -> Iterator[tuple[bytes, bytes]]:
        """Some records: the first and the last ones, and some that are spread between them; the first comes first."""

    @abstractmethod
    def quick_count(self) -> int | None:
        """The number of records, or None where finding it means reading more than a moment's worth of them."""


def between(first: bytes, last: bytes) -> Iterator[bytes]:
    """Keys at even steps from ``first`` to ``last``: by the number that both have where they begin to differ, as keys
    mostly are counted in decimal digits; by their bytes else."""
    common = len(os.path.commonprefix([first, last]))
    digits = [re.match(rb"\d{0,15}", key[common:]) for key in (first, last)]
    width = min(len(match.group()) for match in digits if match)
    if width:
        low, high = (int(key[common : common + width]) for key in (first, last))
    else:
        low, high = (int.from_bytes(key[common : common + 8].ljust(8, b"\0"), "big") for key in (first, last))
    for i in range(1, BETWEEN + 1):
        number = low + (high - low) * i // (BETWEEN + 1)
        yield first[:common] + (b"%0*d" % (width, number) if width else number.to_bytes(8, "big"))


def parse(key: bytes, value: bytes, source: str) -> Any:
    """The Datum of a record; CaffeError names the database and the key."""
    datum = caffe_pb2.Datum()
    try:
        datum.ParseFromString(value)
    except Exception:
        raise CaffeError(f"{source}: record {key.decode('utf-8', 'replace')!r} is no Datum") from None
    return datum
