"""LMDB records as Caffe's Data layer reads them: in the order of the keys, from the first again after the last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice

from caffe_torch.errors import CaffeError
from caffe_torch.files.lmdb_pages import Damage, Pages
from caffe_torch.files.records import BETWEEN, ENDS, Source


class LmdbSource(Source):
    """A read-only LMDB of Datum records.

    It takes no lock: a finished LMDB has no writer, and a reader needs no permission to write. A program may have the
    same LMDB open, in this process too. What a writer adds is seen from the next pass on.
    """

    kind, mark = "LMDB", "data.mdb"

    def __init__(self, path: str):
        self.path = path
        self._file = os.path.join(path, self.mark)
        try:
            self._pages = Pages(self._file)
        except (Damage, OSError) as error:
            raise CaffeError(f"{path}: cannot be opened as an LMDB ({error}): copy or build it anew") from None
        if self._pages.count == 0:
            raise CaffeError(f"{path}: is an empty LMDB")

    def quick_count(self) -> int:
        return self._pages.count

    def records(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        skip = start % self._pages.count
        try:
            while True:
                pages, passed = self._pages, 0
                for leaf in pages.leaves:
                    entries = pages.entries(leaf) if skip else 0
                    if skip and skip >= entries:
                        skip -= entries
                        continue
                    for record in pages.records(leaf, skip):
                        passed += 1
                        yield record
                    skip = 0
                if not passed:
                    raise Damage("its tree holds fewer records than it says")
                self._pages = Pages(self._file)
        except (Damage, OSError) as error:
            raise CaffeError(f"{self.path}: is damaged ({error}): build it anew") from None

    def once(self) -> Iterator[tuple[bytes, bytes]]:
        return islice(self.records(), self._pages.count)

    def sample(self) -> Iterator[tuple[bytes, bytes]]:
        pages = self._pages
        try:
            seen = dict(islice((record for leaf in pages.leaves for record in pages.records(leaf)), ENDS))
            for i in range(BETWEEN):
                # As far along the leaves, and within the leaf, as i is of BETWEEN.
                number, rest = divmod(len(pages.leaves) * i, BETWEEN)
                leaf = pages.leaves[number]
                seen.update(islice(pages.records(leaf, pages.entries(leaf) * rest // BETWEEN), 1))
            ends: list[tuple[bytes, bytes]] = []
            for leaf in reversed(pages.leaves):
                ends = [*pages.records(leaf, max(pages.entries(leaf) - ENDS, 0)), *ends]
                if len(ends) >= ENDS:
                    break
        except Damage as error:
            raise CaffeError(f"{self.path}: is damaged ({error}): build it anew") from None
        if not seen:
            raise CaffeError(f"{self.path}: is damaged (its tree holds no records): build it anew")
        seen.update(ends[-ENDS:])
        yield from seen.items()
