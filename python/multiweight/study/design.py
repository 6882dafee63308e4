"""What a study compares: methods on datasets, at rates and lengths, over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multiweight.datasets.sample_shop.shop import ShopSettings
from multiweight.nets.solvers import DROP

FILE = "study.yaml"


@dataclass(frozen=True)
class Method:
    """A way to train: one of the paper's methods by its name, or a scheme of weights; ``net`` changes NetSettings."""

    name: str
    variant: str | None = None
    scheme: str | None = None
    c: float | None = None
    rescale: bool = False
    net: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subset:
    """Two groups at a ratio of images, as in Tables IV and V."""

    large: str
    small: str
    ratio: float = 10.0
    kind: str = "independent"


@dataclass(frozen=True)
class Shop:
    """A drawn shop, measured on true labels.

    ``dials`` are the settings by which the positions of its experiment differ. Where several shops are drawn at each
    position, they differ by ``settings.seed``, and rates are searched on the first of them, ``first``, for all.
    """

    settings: ShopSettings
    dials: tuple[str, ...] = ()
    first: ShopSettings | None = None

    @property
    def position(self) -> tuple[float, ...]:
        """The values of the dials."""
        return tuple(float(getattr(self.settings, dial)) for dial in self.dials)


@dataclass(frozen=True)
class Search:
    """The search of a method's rate: mAP on a validation part of the training images, after ``iterations``.

    Where the best rate is the first or last of ``rates``, the next one, half or double, is tried too, at most
    ``extensions`` times on either side. The best ``again`` of them are then trained with a second seed, ``seed`` + 1,
    and the highest mean of the two counts.
    """

    rates: tuple[float, ...]
    iterations: int
    extensions: int = 2
    seed: int = 1
    again: int = 0


@dataclass(frozen=True)
class Experiment:
    """Methods compared on one dataset; with ``rate`` all take that rate, without it each its own best one.

    ``lengths`` gives methods (by name) other numbers of iterations than the study's; ``seeds`` and ``drop`` stand in
    place of the study's, ``drop`` in the trainings to the end alone. Where ``finalists`` is a number, that many methods
    are trained to the end beside the first: those with the highest mAP in the search. An entry of the file with
    ``shops`` is one experiment for each combination of its dials and each seed of a shop, all of them with its name as
    ``family``.
    """

    name: str
    methods: tuple[Method, ...]
    subset: Subset | None = None
    rate: float | None = None
    lengths: Mapping[str, int] = field(default_factory=dict)
    question: str = ""
    seeds: tuple[int, ...] = ()
    drop: float | None = None
    finalists: int | None = None
    shop: Shop | None = None
    family: str = ""


@dataclass(frozen=True)
class Study:
    """The whole file. ``drop`` is the share of training after which the rate is divided by 10; mAP is measured at the
    shares ``points`` of training, the last of them 1, the end."""

    folder: Path
    dataset: str
    size: int
    net: Mapping[str, Any]
    iterations: int
    seeds: tuple[int, ...]
    search: Search
    experiments: tuple[Experiment, ...]
    drop: float = DROP
    points: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)

    def seeds_of(self, experiment: Experiment) -> tuple[int, ...]:
        """The seeds of an experiment's trainings."""
        return experiment.seeds or self.seeds

    def drop_of(self, own: float | None) -> float:
        """The share of training after which the rate is divided by 10; ``own`` is an experiment's, None for none."""
        return self.drop if own is None else own

    def length_of(self, experiment: Experiment, method: Method) -> int:
        """The iterations of a method's trainings to the end."""
        return experiment.lengths.get(method.name, self.iterations)

    def measured(self, iterations: int) -> list[int]:
        """The iterations of a training of ``iterations`` at which mAP is measured."""
        return [round(iterations * share) for share in self.points]
