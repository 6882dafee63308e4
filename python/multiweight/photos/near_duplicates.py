"""Photos that look the same: a perceptual hash of each, and the pairs whose hashes are close.

The products joined by such pairs are found by a union-find of ten lines: scipy.sparse.csgraph would make SciPy a
dependency of the split, which has none and also runs in the original's container.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np

from multiweight.base.cpu import cores
from multiweight.base.progress import quiet
from multiweight.photos.decoding import UnreadableImage
from multiweight.photos.images import ImageFolder
from multiweight.records.records import Record

DISTANCE = 3  # bits of 64 that may differ; four bands of 16 bits then share one band at least
COLOUR = 24  # levels by which the 4 x 4 thumbnails may differ: the same shirt in another colour is another photo
BANDS = 4
BITS = np.array([bin(n).count("1") for n in range(256)], np.uint8)


class Fingerprints(NamedTuple):
    """Of n photos: ``hashes`` uint64 (n,), ``thumbnails`` uint8 (n, 48), ``readable`` bool, ``spread`` float32.

    ``spread`` is the standard deviation of a photo's grey levels: near 0 for a blank one.
    """

    hashes: np.ndarray
    thumbnails: np.ndarray
    readable: np.ndarray
    spread: np.ndarray


def fingerprint(image: np.ndarray) -> tuple[int, np.ndarray, float]:
    """(hash, thumbnail, spread) of uint8 (h, w, 3) BGR.

    The hash has a bit for each of the 64 lowest frequencies of the cosine transform of the 32 x 32 grey picture:
    whether it is above their median (pHash).
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    low = cv2.dct(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low[1:])
    thumbnail = cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA).ravel()
    return int(np.packbits(bits).view(">u8")[0]), thumbnail, float(grey.std())


def fingerprints(images: ImageFolder, records: Sequence[Record], progress: Callable[..., Any] = quiet) -> Fingerprints:
    """The fingerprints of the records' photos; unreadable ones are marked so."""
    prints = Fingerprints(
        np.zeros(len(records), np.uint64),
        np.zeros((len(records), 48), np.uint8),
        np.zeros(len(records), bool),
        np.zeros(len(records), np.float32),
    )

    def take(number: int) -> None:
        try:
            values = fingerprint(images.read(records[number].image))
        except UnreadableImage:
            return
        prints.hashes[number], prints.thumbnails[number], prints.spread[number] = values
        prints.readable[number] = True

    with ThreadPoolExecutor(cores()) as pool, progress(total=len(records), desc="looking at photos") as shown:
        for start in range(0, len(records), 1024):
            for _ in pool.map(take, range(start, min(start + 1024, len(records)))):
                shown.update(1)
    return prints


def pairs(prints: Fingerprints, distance: int = DISTANCE) -> np.ndarray:
    """int64 (m, 2): photos i < j of at most ``distance`` (0 to 3) differing bits and like colours."""
    usable = np.flatnonzero(prints.readable)
    listed = [np.zeros((0, 2), np.int64)]
    for band in range(BANDS):
        keys = (prints.hashes[usable] >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        for group in np.split(usable[order], edges):
            if len(group) > 1:
                listed += _close(prints, np.sort(group), distance)
    every = np.concatenate(listed)
    return np.unique(every, axis=0) if len(every) else every


def _close(prints: Fingerprints, group: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    hashes, thumbnails = prints.hashes[group], prints.thumbnails[group].astype(np.int16)
    for start in range(0, len(group), 256):
        rows = slice(start, start + 256)
        differing = (hashes[rows, None] ^ hashes[None, :]).view(np.uint8).reshape(-1, len(group), 8)
        first, second = np.nonzero(BITS[differing].sum(axis=2, dtype=np.uint8) <= distance)
        first += start
        keep = first < second
        first, second = first[keep], second[keep]
        alike = np.abs(thumbnails[first] - thumbnails[second]).max(axis=1, initial=0) <= COLOUR
        yield np.stack([group[first[alike]], group[second[alike]]], axis=1)


def clusters(records: Sequence[Record], close: np.ndarray) -> dict[str, str]:
    """product -> the first product of those it is joined with, directly or over others, by near-duplicate photos."""
    first: dict[str, str] = {}

    def root(product: str) -> str:
        while first.get(product, product) != product:
            first[product] = first.get(first[product], first[product])
            product = first[product]
        return product

    for i, j in close:
        a, b = root(records[int(i)].product), root(records[int(j)].product)
        if a != b:
            first[max(a, b)] = min(a, b)
    return {record.product: root(record.product) for record in records}
