"""Progress bars: tqdm's where it is installed (the original's container may lack it), else none."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any


def bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """A bar on standard error, over ``items`` or moved by ``update``; ``options`` are tqdm's."""
    try:
        tqdm = importlib.import_module("tqdm")
    except ImportError:
        return quiet(items)
    return tqdm.tqdm(items, **{"mininterval": 0.5, **options})


def quiet(items: Iterable[Any] | None = None, **_: Any) -> Any:
    """In place of :func:`bar`, for tests and logs: shows nothing."""
    return _Silent(items if items is not None else ())


class _Silent:
    def __init__(self, items: Iterable[Any]):
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, count: int = 1) -> None:
        """Nothing to move."""

    def set_postfix_str(self, text: str = "", refresh: bool = True) -> None:
        """Nothing to say it on."""
