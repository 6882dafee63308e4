"""How features are extracted: the settings of a run's section ``features``, and of the flags."""

from __future__ import annotations

from dataclasses import dataclass

from multiweight.base.errors import UserError
from multiweight.base.flags import setting
from multiweight.features import transform


@dataclass(frozen=True)
class Settings:
    """``views`` other than ``centre`` average the blob over crops and mirror images; ``float16`` stores half precision;
    ``probabilities`` is read by the command alone, which then calls ``extract_run`` a second time, with ``outputs``.
    """

    blob: str | None = setting(None, "blob to store (default: the one settings.json names, else fc7)")
    views: str = setting("centre", "average over crops and mirror images", transform.VIEWS)
    float16: bool = setting(False, "store half precision (evaluate.py --float16 tells the cost)")
    probabilities: bool = setting(False, "the sigmoid outputs too, for recognition")
    batch: int = setting(50, "images per forward pass")
    seed: int = setting(1, "seed of the initial weights of --untrained")

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise UserError(f"batch {self.batch}: expected 1 or more")


DEFAULTS = Settings()
