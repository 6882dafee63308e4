"""The pair of LMDBs of one part (train or test): written chunk by chunk, continued where a killed run stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np

from multiweight.base import lmdb_file, make_variables, npz_file, whole_file
from multiweight.base.errors import UserError
from multiweight.base.paths import Dataset
from multiweight.pack.chunks import Chunk, ChunkMaker, key
from multiweight.pack.writer import LmdbWriter
from multiweight.photos.datum import decode, parsed
from multiweight.records.bad_images import BadImage

KEPT_EVERY = 128  # chunks between two writings of the sums of pixels: their 1.5 MB to 400 MB of images


class PhotosChanged(Exception):
    """A photo that an earlier run left out can be read now: what that run wrote does not fit any more."""


class Part(NamedTuple):
    """What was packed: ``present`` (bool, a position each), ``bad`` in order, the sum of pixels, int64 (3, S, S)."""

    present: np.ndarray
    bad: list[BadImage]
    total: np.ndarray


def pack_part(
    dataset: Dataset,
    part: str,
    shard: str,
    maker: ChunkMaker,
    spans: list[tuple[int, int]],
    stop_at: Callable[[list[BadImage]], None],
    progress: Callable[..., Any],
) -> Part:
    """Write the chunks ``spans`` of a part; ``stop_at`` is called with the bad images so far and may raise.

    Raises PhotosChanged where the LMDBs of a stopped run no longer fit the photos.
    """
    writers = LmdbWriter(dataset.images(part, shard)), LmdbWriter(dataset.labels(part, shard))
    kept = dataset.pixel_sums(part, shard)
    last = min(writer.last for writer in writers)
    done = sum(key(start) <= last for start, _ in spans) if last else 0
    result = _earlier(writers[0], spans[:done], maker, kept)
    with progress(total=sum(stop - start for start, stop in spans), desc=f"packing {part}", unit=" images") as shown:
        shown.update(sum(stop - start for start, stop in spans[:done]))
        for number, chunk in enumerate(maker.all(spans[done:]), done + 1):
            write(writers, chunk, result)
            shown.update(chunk.stop - chunk.start)
            if chunk.bad:
                stop_at(result.bad)
            if number % KEPT_EVERY == 0:
                _keep(kept, number, result.total)
    if result.present.any():
        _keep(kept, len(spans), result.total)
        for writer in writers:
            writer.finish()
    return result


def write(writers: Iterable[LmdbWriter], chunk: Chunk, result: Part) -> None:
    """One transaction in each LMDB, images first: the labels are never ahead."""
    images, labels = writers
    images.put(chunk.images)
    labels.put(chunk.labels)
    result.present[chunk.packed] = True
    result.bad.extend(chunk.bad)
    np.add(result.total, chunk.total, out=result.total)


def _earlier(writer: LmdbWriter, spans: list[tuple[int, int]], maker: ChunkMaker, kept: Path) -> Part:
    """What a stopped run had packed in ``spans``."""
    side = maker.settings.size
    result = Part(np.zeros(len(maker.items), bool), [], np.zeros((3, side, side), np.int64))
    if not spans:
        return result
    first, stop = spans[0][0], spans[-1][1]
    for name in lmdb_file.keys(writer.partial):
        if int(name) < stop:
            result.present[int(name)] = True
    for position in np.flatnonzero(~result.present[first:stop]) + first:
        reason = maker.read(maker.items[int(position)])
        if not isinstance(reason, BadImage):
            raise PhotosChanged(maker.items[int(position)].image)
        result.bad.append(reason)
    chunks, total = _kept(kept)
    begin = first
    if 0 < chunks <= len(spans) and total.shape == result.total.shape:
        result.total[...] = total
        begin = spans[chunks - 1][1]
    for name, value in lmdb_file.items(writer.partial, key(begin)):
        if int(name) >= stop:
            break
        at = f"{writer.partial}: key {int(name)}"
        np.add(result.total, decode(parsed(maker.datum, value, at), at), out=result.total)
    return result


def _keep(path: Path, chunks: int, total: np.ndarray) -> None:
    with whole_file.opened(path, "wb") as file:
        np.savez(file, chunks=chunks, total=total)


def _kept(path: Path) -> tuple[int, np.ndarray]:
    """The number of chunks whose pixels are summed, and the sum; 0 where nothing whole says so."""
    with suppress(ValueError, TypeError):
        chunks, total = npz_file.read(path, "chunks", "total")
        if chunks.dtype.kind in "iu" and chunks.ndim == 0 and total.dtype == np.int64 and total.ndim == 3:
            return int(chunks), total
    return 0, np.zeros(0, np.int64)


def earlier(dataset: Dataset, part: str, shard: str, size: int, bad: list[BadImage]) -> Part:
    """A finished part as it lies on the disk; ``size`` is the number of positions."""
    sums = dataset.pixel_sums(part, shard)
    chunks, total = _kept(sums)
    result = Part(np.zeros(size, bool), bad, total)
    for name in lmdb_file.keys(dataset.images(part, shard)):
        result.present[int(name)] = True
    if result.present.any() and not chunks:
        raise UserError(f"{sums}: damaged: use {make_variables.named('OVERWRITE')} to pack anew")
    return result


def from_shards(pairs: list[tuple[Path, Path]], spans: list[tuple[int, int]]) -> Iterator[Chunk]:
    """The chunks as shards wrote them, in order, without sums and without what was left out."""
    sources = [(lmdb_file.items(images), lmdb_file.items(labels)) for images, labels in pairs]
    at = 0
    waiting: list[Any] = [None, None]
    for start, stop in spans:
        chunk = Chunk(start, stop, [], [], [], [], np.zeros(0, np.uint32))
        while at < len(sources):
            if waiting[0] is None:
                waiting = [next(source, None) for source in sources[at]]
                if waiting[0] is None:
                    at += 1
                    continue
            if int(waiting[0][0]) >= stop:
                break
            chunk.images.append(waiting[0])
            chunk.labels.append(waiting[1])
            chunk.packed.append(int(waiting[0][0]))
            waiting = [None, None]
        yield chunk
