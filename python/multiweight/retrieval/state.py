"""A search that was stopped goes on: the ranking and the finished tiles, in one file per process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from multiweight.base import npz_file, whole_file
from multiweight.base.errors import UserError
from multiweight.retrieval.ranking import Ranking


class OtherSearch(UserError):
    """The file at ``path`` is of another search, or damaged."""

    def __init__(self, path: Path, message: str):
        super().__init__(f"{path}: {message}")
        self.path = path


class State:
    """Keeps ``ranking`` and the set ``done`` of tile numbers at ``path``; ``identity`` says what is searched.

    OtherSearch when the file is of another search: other features, k, metric, memory or number of processes.
    """

    def __init__(self, path: Path, identity: dict[str, Any], ranking: Ranking):
        self.path, self.identity, self.ranking = path, json.dumps(identity, sort_keys=True), ranking
        self.done: set[int] = set()
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            identity, indices, scores, done = npz_file.read(self.path, "identity", "indices", "scores", "done")
            stored_identity = str(identity)
            kept = (self.ranking.indices, self.ranking.scores)
            if stored_identity == self.identity and (
                [array.shape for array in (indices, scores)] != [array.shape for array in kept]
                or [array.dtype for array in (indices, scores)] != [array.dtype for array in kept]
                or done.dtype.kind not in "iu"
            ):
                raise ValueError("arrays of other shapes")
        except ValueError as error:
            raise OtherSearch(self.path, f"not a search's state ({error}): delete it and search again") from None
        if stored_identity != self.identity:
            raise OtherSearch(
                self.path,
                f"the state of another search ({stored_identity}), asked for {self.identity}: "
                "delete it, or give the options that it began with",
            )
        self.ranking.indices[:], self.ranking.scores[:] = indices, scores
        self.done = set(done.tolist())

    def save(self, tile: int) -> None:
        """Add a finished tile; the file appears whole or not at all."""
        self.done.add(tile)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file.opened(self.path, "wb") as file:
            np.savez(
                file,
                identity=np.array(self.identity),
                indices=self.ranking.indices,
                scores=self.ranking.scores,
                done=np.array(sorted(self.done), dtype=np.int64),
            )
