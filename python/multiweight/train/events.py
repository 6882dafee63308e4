"""TensorBoard's event files, by its own writer."""

from __future__ import annotations

import importlib
from pathlib import Path

from multiweight.base import make_variables
from multiweight.base.errors import UserError


class Events:
    """The event files in ``folder``; an earlier training's points after ``resumed`` are void."""

    def __init__(self, folder: Path, resumed: int):
        try:
            writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        except ImportError as error:
            raise UserError(
                f"TensorBoard's event files need torch and tensorboard ({error}): pip install "
                f"'multiweight[torch,tensorboard]', or leave out {make_variables.named('TENSORBOARD')}"
            ) from None
        self._writer = writer(str(folder), purge_step=resumed + 1 if resumed else None)

    def add(self, phase: str, iteration: int, values: dict[str, float]) -> None:
        """Points of one iteration, under ``phase``/name."""
        for name, value in values.items():
            self._writer.add_scalar(f"{phase}/{name}", value, iteration)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
