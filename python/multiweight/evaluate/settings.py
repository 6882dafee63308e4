"""How a run is scored: the settings of a run's section ``evaluate``, and of the flags."""

from __future__ import annotations

from dataclasses import dataclass

from multiweight.base import make_variables
from multiweight.base.errors import UserError
from multiweight.base.flags import fields, setting
from multiweight.evaluate import measures
from multiweight.retrieval import nearest

CANDIDATES = ("all", "group")


@dataclass(frozen=True)
class Settings:
    """``memory`` bounds the search, in MB; the other settings decide the figures."""

    k: int = setting(nearest.DEFAULT_K, "length of a result list, images (R of Eq. 10)")
    metric: str = setting("cosine", "similarity of two features", nearest.METRICS)
    denominator: str = setting(
        "retrieved",
        "M of Eq. (10): relevant images in the list (the paper), in the test set, or the smaller of that and k",
        measures.DENOMINATORS,
    )
    candidates: str = setting(
        "all",
        "what is searched for a group's queries: all test images, or those with a label of the group",
        CANDIDATES,
    )
    memory: int = setting(nearest.DEFAULT_MEMORY >> 20, "bound of the search, MB")
    float16: bool = setting(False, "tell what storing the features as float16 would change")
    seed: int = setting(1, "seed of the random ranking")

    def __post_init__(self) -> None:
        for field in fields(Settings):
            words, value = field.metadata["choices"], getattr(self, field.name)
            if words and value not in words:
                raise UserError(f"{field.name} {value!r} is unknown: expected one of {', '.join(words)}")
        if self.k < 1:
            raise UserError(f"k = {self.k}: expected 1 or more")
        if self.memory < 1:
            raise UserError(f"memory {self.memory}: expected 1 or more, in MB, by {make_variables.named('MEMORY')}")


DEFAULTS = Settings()
