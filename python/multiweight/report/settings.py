"""What a report shows besides its tables: the settings of a run's section ``report``, and of the flags."""

from __future__ import annotations

from dataclasses import dataclass

from multiweight.base.errors import UserError
from multiweight.base.flags import setting


@dataclass(frozen=True)
class Settings:
    """What the page's gallery of queries and their nearest photos shows."""

    gallery: int = setting(4, "queries a group in the gallery (0: none)")
    failures_first: bool = setting(False, "gallery: the queries with the lowest AP")

    def __post_init__(self) -> None:
        if self.gallery < 0:
            raise UserError(f"gallery {self.gallery}: expected 0 or more")


DEFAULTS = Settings()
