"""One parity case: a net of one layer, and how its bottoms and parameters are filled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """``layer`` is the prototxt inside the layer's braces, without name, bottoms and tops.

    Every bottom is an Input and gets its gradient by force_backward, unless ``frozen`` names bottoms that Caffe gives
    no gradient to: the others are Parameter layers then (filled as "name/0", by default a normal of scale 0.5).
    ``in_place`` runs the layer on its own bottom. ``net`` is whole layers in place of the one, with ``bottoms`` as its
    inputs and ``tops`` as what is compared; ``of`` then says which layer type the case is about, if one.
    Files of files.py lie in ``../files``, as both engines see them.
    """

    name: str
    layer: str
    bottoms: Mapping[str, Shape]
    fills: Mapping[str, Any] = field(default_factory=dict)
    tops: tuple[str, ...] = ("top",)
    frozen: tuple[str, ...] = ()
    loss: bool = False
    backward: bool = True
    phase: str = "TRAIN"
    forwards: int = 1
    in_place: bool = False
    net: str = ""
    of: str = ""
    seed: int = 1
    tolerance: float = 1e-4

    @property
    def type(self) -> str:
        """The layer type that the case is about; "net" for several layers together."""
        if self.net:
            return self.of or "net"
        result = re.search(r'type: "(\w+)"', self.layer)
        assert result, f"{self.name}: the layer has no type"
        return result.group(1)

    def prototxt(self) -> str:
        lines = [f'name: "{self.name}"']
        if self.backward and not self.frozen:
            lines.append("force_backward: true")
        for name, shape in self.bottoms.items():
            dims = " ".join(f"dim: {n}" for n in shape)
            if self.frozen and name not in self.frozen:
                lines.append(
                    f'layer {{ name: "{name}" type: "Parameter" top: "{name}" '
                    f"parameter_param {{ shape {{ {dims} }} }} }}"
                )
            else:
                lines.append(
                    f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}'
                )
        if self.net:
            return "\n".join([*lines, self.net])
        names = list(self.bottoms)
        if self.in_place:
            # A layer in between, as a net's input itself is better left alone.
            lines.append(f'layer {{ name: "before" type: "Power" bottom: "{names[0]}" top: "top" }}')
            names[0] = "top"
        ends = "".join(f' bottom: "{n}"' for n in names) + "".join(f' top: "{n}"' for n in self.tops)
        if self.frozen and self.backward and not self.loss:
            ends += " loss_weight: 1" * len(self.tops)
        lines.append(f'layer {{ name: "layer"{ends} {self.layer} }}')
        return "\n".join(lines) + "\n"

    def as_job(self) -> dict[str, Any]:
        """What runner.py takes."""
        return {
            "kind": "net", "name": self.name,
            "prototxt": self.prototxt(), "fills": self.fills, "inputs": list(self.bottoms),
            "tops": list(self.tops), "loss": self.loss, "backward": self.backward, "phase": self.phase,
            "forwards": self.forwards, "seed": self.seed,
            "gradients": [n for n in self.bottoms if n not in self.frozen] if self.backward else [],
        }  # fmt: skip
