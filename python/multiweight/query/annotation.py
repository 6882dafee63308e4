"""Labels of a photo: the sigmoid outputs of a trained net, by group, as data, as text, and drawn on the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from multiweight.base import fonts, markup
from multiweight.base.errors import UserError
from multiweight.base.paths import Run
from multiweight.features import feature_net, transform
from multiweight.photos import image_source
from multiweight.records.catalog import Catalog


@dataclass(frozen=True)
class Label:
    """A label that the net gives a photo, with its probability (the sigmoid output, 0 to 1)."""

    group: str
    label: str
    probability: float


class Annotator:
    """A run's net, ready for photos; the last snapshot, or that of ``iteration``. ``views`` as in extraction."""

    def __init__(self, caffe: ModuleType, run: Run, iteration: int | None = None, views: str = "centre"):
        net, weights = feature_net.net_of(run, iteration)
        self.catalog = Catalog.load(run.dataset.catalog)
        self.blobs = feature_net.output_blobs(caffe, net.deploy, self.catalog)
        self.net = feature_net.open_net(caffe, net.deploy, weights, self.blobs)
        mean = run.dataset.mean if run.dataset.mean.exists() else None
        shape = self.net.blobs["data"].data.shape[1:]
        self.reader = transform.Views(caffe, mean, shape, views)
        self.side = self.reader.mean.shape[-1] if self.reader.mean is not None else shape[-1]

    def outputs(self, photo: Path) -> np.ndarray:
        """(labels,) float32 of one photo in catalog order; UserError where it is none, or the catalog is another's."""
        inputs = self.reader.of(str(photo), image_source.photo(photo, self.side))
        values = feature_net.forward(self.net, inputs, self.blobs, self.reader.count)[0]
        if len(values) != self.catalog.size:
            raise UserError(f"the net has {len(values)} outputs, its catalog {self.catalog.size} labels: train again")
        return values

    def annotate(self, photo: Path, threshold: float = 0.5, top: int = 0) -> list[Label]:
        """Labels from ``threshold`` on and, in every group, the ``top`` highest whatever they are; group by group."""
        outputs = self.outputs(photo)
        chosen = []
        for group in self.catalog.groups:
            values = outputs[self.catalog.slices[group.name]]
            order = np.argsort(-values, kind="stable")
            for place, m in enumerate(order):
                if values[m] >= threshold or place < top:
                    chosen.append(Label(group.name, group.labels[m], float(values[m])))
        return chosen


def text(labels: Sequence[Label]) -> str:
    """One line per label: group, label, probability."""
    if not labels:
        return "  no label reaches the threshold\n"
    wide = max(len(entry.group) for entry in labels), max(len(entry.label) for entry in labels)
    return "".join(f"  {entry.group:{wide[0]}}  {entry.label:{wide[1]}}  {entry.probability:.3f}\n" for entry in labels)


def draw(photo: Path, labels: Sequence[Label], output: Path) -> None:
    """The photo, turned as its EXIF says, its labels beside it; written as ``output``'s suffix says."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from multiweight.photos import images

    pixels = images.photo(photo)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, max(4, 0.28 * len(labels) + 0.6)), width_ratios=[1, 1])
    left.imshow(pixels[:, :, ::-1])
    left.axis("off")
    names = [markup.figure(f"{label.group}: {label.label}") for label in labels]
    places = np.arange(len(labels))
    right.barh(places, [label.probability for label in labels], color="#0072B2")
    right.set_yticks(places)
    right.set_yticklabels(names, fontsize=9)
    right.invert_yaxis()
    right.set_xlim(0, 1)
    right.set_xlabel("probability")
    for side in ("top", "right"):
        right.spines[side].set_visible(False)
    try:
        fonts.write(figure, output, dpi=120, bbox_inches="tight")
    except (OSError, ValueError) as error:
        raise UserError(f"{output}: cannot be written ({error})") from None
    finally:
        plt.close(figure)
