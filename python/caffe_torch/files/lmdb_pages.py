"""The pages of an LMDB's data file, read in place: what its newest commit holds, in the order of the keys.

The format is that of LMDB 0.9, which Caffe reads: two meta pages, then a tree of branch and leaf pages, with values on
overflow pages where they are large; all little-endian. It is read here and not by LMDB's library: that allows one
environment a file and process, which a program's own ``lmdb.open`` then could not have; and it trusts every page, so
that a damaged file ends the process.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator

_MAGIC, _VERSION = 0xBEEFC0DE, 1
#: Of every page: its number, 2 bytes, flags, where its free room begins and ends; or of overflow pages their number.
_HEADER = struct.Struct("<QHHHH")
_PAGE_COUNT = struct.Struct("<12xI")
_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
#: Of a meta page, behind its header: magic, version, an address, the map's size, page size, the rest of the free list's
#: tree; of the main tree 4 bytes, flags, depth, 24 bytes, records, root; the last page, the number of the commit.
_FIELDS = struct.Struct("<II16xI44x4xHH24xQQQQ")
#: Of an entry: the value's size, or the low bits of a branch's page; flags, or its high bits; size of the key.
_NODE = struct.Struct("<IHH")
_BIG = 0x01
_PAGE_NUMBER = struct.Struct("<Q")
#: A tree of this depth would hold more than any disk.
_DEEPEST = 32

Record = tuple[bytes, bytes]


class Damage(Exception):
    """What is wrong with the file, in a few words."""


class Pages:
    """A data.mdb as it is now, mapped into memory; ``count`` is the number of records. Raises Damage, OSError."""

    def __init__(self, file: str):
        with open(file, "rb") as opened:
            self.size = os.fstat(opened.fileno()).st_size
            if self.size < _HEADER.size + _FIELDS.size:
                raise Damage(f"it is cut short, to {self.size} bytes")
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        magic, version, page_size = _FIELDS.unpack_from(self._map, _HEADER.size)[:3]
        if magic != _MAGIC:
            raise Damage("it does not begin as one")
        if version != _VERSION:
            raise Damage(f"its data format is {version}, Caffe reads {_VERSION}, that of LMDB 0.9")
        if not 256 <= page_size <= 1 << 16 or page_size & (page_size - 1):
            raise Damage(f"its pages have {page_size} bytes")
        self.page_size = int(page_size)
        _, self.count, root, depth, last = max(self._meta(0), self._meta(self.page_size))
        self._pages = last + 1
        needed = self._pages * self.page_size
        if self.size < needed:
            raise Damage(f"it is cut short: it has {self.size} bytes, its pages need {needed}")
        #: The leaf pages, in the order of their keys; the leaves themselves are not looked at.
        self.leaves = self._leaves(root, depth) if self.count else []

    def _meta(self, at: int) -> tuple[int, int, int, int, int]:
        """(commit, records, root, depth, last page) of a meta page."""
        if at + _HEADER.size + _FIELDS.size > self.size:
            raise Damage(f"it is cut short, to {self.size} bytes")
        magic, version, _, flags, depth, entries, root, last, commit = _FIELDS.unpack_from(self._map, at + _HEADER.size)
        if magic != _MAGIC or version != _VERSION:
            raise Damage("one of its first pages is none of its own")
        if flags:
            raise Damage(f"its keys are ordered or repeated in another way than Caffe's, by the flags {flags:#x}")
        if last >= 1 << 48 or depth > _DEEPEST:
            raise Damage(f"its tree has {last + 1} pages and a depth of {depth}")
        return commit, entries, root, depth, last

    def _page(self, number: int, kind: int) -> tuple[int, tuple[int, ...]]:
        """Where a branch or leaf page begins, and its entries' places in it."""
        if number >= self._pages:
            raise Damage(f"page {number} is asked for, it has {self._pages}")
        at = number * self.page_size
        _, _, flags, lower, _ = _HEADER.unpack_from(self._map, at)
        if not flags & kind or not _HEADER.size <= lower <= self.page_size or lower % 2:
            raise Damage(f"page {number} is not of the kind that it should be")
        places = struct.unpack_from(f"<{(lower - _HEADER.size) // 2}H", self._map, at + _HEADER.size)
        if any(place < lower or place + _NODE.size > self.page_size for place in places):
            raise Damage(f"page {number} has an entry outside")
        return at, places

    def _leaves(self, root: int, depth: int) -> list[int]:
        """The tree is gone down level by level; every page is met once."""
        level = [root]
        met = 1
        for _ in range(depth - 1):
            below: list[int] = []
            for number in level:
                at, places = self._page(number, _BRANCH)
                for place in places:
                    low, high, _ = _NODE.unpack_from(self._map, at + place)
                    below.append(low | high << 32)
                if met + len(below) > self._pages:
                    raise Damage("its tree has more pages than there are")
            met += len(below)
            level = below
        return level

    def entries(self, leaf: int) -> int:
        """How many records a leaf page holds."""
        return len(self._page(leaf, _LEAF)[1])

    def records(self, leaf: int, start: int = 0) -> Iterator[Record]:
        """The records of a leaf page, from entry ``start`` on."""
        at, places = self._page(leaf, _LEAF)
        for place in places[start:]:
            size, flags, key_size = _NODE.unpack_from(self._map, at + place)
            key_at = at + place + _NODE.size
            value_at = key_at + key_size
            stored = _PAGE_NUMBER.size if flags & _BIG else size
            if value_at + stored > at + self.page_size:
                raise Damage(f"page {leaf} has an entry that reaches beyond it")
            if flags & ~_BIG:
                raise Damage(f"page {leaf} has an entry that is no record (a table of its own, or a repeated key)")
            if flags & _BIG:
                value_at = self._overflow(_PAGE_NUMBER.unpack_from(self._map, value_at)[0], size)
            yield self._map[key_at : key_at + key_size], self._map[value_at : value_at + size]

    def _overflow(self, number: int, size: int) -> int:
        """Where a large value of ``size`` bytes begins."""
        at = number * self.page_size
        count = -(-(_HEADER.size + size) // self.page_size)
        if number + count > self._pages:
            raise Damage(f"a value of {size} bytes on page {number} reaches beyond its {self._pages} pages")
        if not _HEADER.unpack_from(self._map, at)[2] & _OVERFLOW or _PAGE_COUNT.unpack_from(self._map, at)[0] < count:
            raise Damage(f"page {number} does not hold the value of {size} bytes that it should")
        return at + _HEADER.size
