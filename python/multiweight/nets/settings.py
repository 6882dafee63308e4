"""What a net looks like, as values: its shape, its task layers, its batches, and the paths of its data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from multiweight.base import make_variables
from multiweight.base.errors import UserError
from multiweight.base.flags import fields, setting
from multiweight.gamma import schemes
from multiweight.gamma.label_weights import KINDS
from multiweight.layers import objectives
from multiweight.nets.trunks import TRUNKS
from multiweight.records.records import UNKNOWN_AS

HEADS = ("multi_label", "multi_task", "multi_weight")
LOSSES = ("python", "builtin")
BRANCHES = ("fc8", "fc7", "fc6")
TASKS = ("group", "kind")
GAMMA_ON = ("all", "shared")


@dataclass(frozen=True)
class NetSettings:
    """What a net looks like; the defaults are the paper's, or Caffe's AlexNet's where the paper is silent.

    ``trunk`` is one of ``trunks.TRUNKS``; ``size`` and ``crop`` are sides in pixels; ``width`` multiplies the channels
    of convolutions and the units of fc6 and fc7. ``branch`` is the first layer that each task has for itself;
    ``tasks``: a task is a ``group`` or a ``kind`` (two tasks: types, attributes). ``task_units``: units of a task's own
    fc6 or fc7 (None: the shared layer's units divided among the tasks). ``task_lr`` and ``task_decay`` multiply lr_mult
    and decay_mult of the task layers.
    ``decay_by_gamma`` multiplies the decay of a group's own layers by its gamma; ``gamma_on`` ``shared`` also divides
    their learning rate by it, so that gamma acts on the shared layers alone. ``unknown``, as the data was packed:
    ``ignore`` makes the builtin losses leave out labels of -1, as the Python layer always does. ``objective`` is what a
    label costs (``layers/objectives.py``), with its ``focus``, ``focus_positive`` and ``margin`` (None: its own);
    ``label_weights`` ``sqrt_ratio`` multiplies what a label costs that is present (``gamma/label_weights.py``).
    ``weighting`` says whether gamma stays ``fixed`` or the layer of the scheme of that name changes it, with the
    scheme's ``constants``, as ``schemes.layer_constants`` takes them.
    """

    head: str = "multi_weight"
    trunk: str = setting("alexnet", "the layers all tasks share", tuple(TRUNKS))
    loss: str = setting("python", "Python layer, or Caffe's own loss a group", LOSSES)
    size: int = setting(256, "side of the packed images, pixels (default: as packed; another is an error)")
    crop: int = setting(224, "side of the crop, pixels (default: 7/8 of the size, the paper's 224 of 256)")
    width: float = setting(1.0, "factor on channels and units of the trunk")
    branch: str = setting("fc8", "first layer that each task has for itself", BRANCHES)
    tasks: str = setting("group", "a task a group, or two: types, attributes", TASKS)
    task_units: int | None = setting(
        None, "units of a task's own fc6, fc7 (default: the trunk's, divided by the tasks)"
    )
    task_lr: float = setting(1.0, "factor on lr_mult of the task layers (eps_t / eps_c)")
    task_decay: float = setting(1.0, "factor on decay_mult of the task layers")
    decay_by_gamma: bool = setting(False, "a task layer's weight decay times its gamma")
    gamma_on: str = setting("all", "shared: gamma spares the task layers", GAMMA_ON)
    dropout: float = setting(0.5, "share of fc6 and fc7 dropped in training")
    mirror: bool = setting(True, "no random mirroring in training")
    batch_size: int = setting(256, "images per training iteration")
    test_batch_size: int = setting(50, "images per test batch")
    unknown: str = "no"
    objective: str = setting("sigmoid", "what a label costs: the paper's, or another", objectives.NAMES)
    focus: float | None = setting(None, "power of focal, asymmetric, hill, splc (default: 2, asymmetric 4)")
    focus_positive: float | None = setting(None, "power for labels present, asymmetric (default: 0)")
    margin: float | None = setting(
        None,
        "asymmetric: probability below which absent labels cost nothing (default: 0.05); hill, splc: what a score must "
        "have above 0 to count as present (1)",
    )
    label_weights: str = setting("equal", "a label that is present costs alike, or the more the rarer it is", KINDS)
    weighting: str = schemes.FIXED
    constants: str = setting("", "further constants of a scheme whose layer changes the weights, as window=50")

    def __post_init__(self) -> None:
        known = {"head": HEADS, "weighting": schemes.weightings(), "unknown": UNKNOWN_AS}
        known.update((field.name, field.metadata["choices"]) for field in fields(NetSettings))
        for name, words in known.items():
            if words and getattr(self, name) not in words:
                raise UserError(f"net setting {name} = {getattr(self, name)!r}: expected one of {', '.join(words)}")
        self._check_objective()
        if not self.size >= self.crop > 0:
            raise UserError(f"crop {self.crop} of images of {self.size}: expected a crop no larger than the image")
        kind = TRUNKS[self.trunk]
        if self.side < 1:
            raise UserError(f"crop {self.crop} leaves nothing of {kind.title}: it needs at least {kind.least} pixels")
        if self.branch not in kind.branches:
            raise UserError(f"{kind.title} has no {self.branch}: tasks branch at {', '.join(kind.branches)}")
        for name in ("width", "batch_size", "test_batch_size"):
            if not getattr(self, name) > 0:
                raise UserError(f"net setting {name} = {getattr(self, name)}: expected a number above 0")
        if self.task_units is not None and self.task_units < 1:
            raise UserError(f"net setting task_units = {self.task_units}: expected a number above 0")
        if min(self.task_lr, self.task_decay) < 0 or not 0 <= self.dropout < 1:
            raise UserError("net settings task_lr and task_decay are 0 or above, dropout 0 to below 1")

    def _check_objective(self) -> None:
        try:
            objectives.parse(self.objective_values)
        except ValueError as error:
            raise UserError(f"net settings: {error}") from None
        schemes.layer_constants(self.weighting, self.constants)
        if self.loss == "builtin" and self.label_weights != "equal":
            raise UserError(
                f"label_weights {self.label_weights} needs the Python loss: Caffe's own layer has no weight of a "
                f"label; leave out {make_variables.named('LOSS', 'builtin')}, and --variant multi_label"
            )
        if self.loss == "builtin" and (self.objective, self.weighting) != ("sigmoid", schemes.FIXED):
            raise UserError(
                f"objective {self.objective} with {self.weighting} weights needs the Python loss: Caffe's own layer is "
                "the sigmoid cross-entropy with fixed weights; leave out "
                f"{make_variables.named('LOSS', 'builtin')}, and --variant multi_label"
            )

    @property
    def objective_values(self) -> dict[str, Any]:
        """As ``layers.objectives.parse`` takes it."""
        given = {"focus": self.focus, "focus_positive": self.focus_positive, "margin": self.margin}
        return {"name": self.objective, **{key: value for key, value in given.items() if value is not None}}

    @property
    def side(self) -> int:
        """Width and height of the trunk's last blob."""
        return TRUNKS[self.trunk].side(self.crop)

    @property
    def retrieval_blob(self) -> str:
        """The blob that images are compared by."""
        return TRUNKS[self.trunk].feature

    def units(self, full: int) -> int:
        """``full`` channels or units times the width, even, so that grouped convolutions divide them."""
        return max(2, 2 * round(full * self.width / 2))

    def for_head(self, head: str) -> NetSettings:
        """The settings with another head; multi_label, which has no task layers, drops what belongs to those."""
        if head != "multi_label":
            return replace(self, head=head)
        plain = NetSettings()
        names = ("branch", "tasks", "task_units", "task_lr", "task_decay", "decay_by_gamma", "gamma_on")
        return replace(self, head=head, loss="builtin", **{name: getattr(plain, name) for name in names})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class DataPaths:
    """Paths as the prototxt shall hold them: image and label LMDBs of both phases, and the mean file ('' for none)."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str
    mean: str
