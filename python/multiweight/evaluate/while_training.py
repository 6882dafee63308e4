"""mAP while a training runs, on the images that each test draws: fewer than an evaluation's, so not the same figure."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from multiweight.base import done
from multiweight.base.paths import Dataset
from multiweight.evaluate import measures
from multiweight.records.catalog import Catalog
from multiweight.retrieval import nearest


def scorer(dataset: Dataset) -> Callable[[np.ndarray, np.ndarray], float | None]:
    """A function of features (n, d) and labels (n, L), 1 for yes, that gives their mean mAP@50 over groups, 0 to 1.

    Distance cosine, denominator ``retrieved``. Of more images than the test split has the first of each is taken: a
    test of more batches draws images again, and each would find itself. None where no image has a label, or two.
    """
    catalog = Catalog.load(dataset.catalog)
    images = done.read(dataset.info).get("counts", {}).get("test")
    slices = [catalog.slices[name] for name in catalog.names]

    def score(features: np.ndarray, labels: np.ndarray) -> float | None:
        features, labels = features[:images], labels[:images] == 1
        if len(features) < 2 or not np.isfinite(features).all():
            return None
        indices, _ = nearest.top_k(np.ascontiguousarray(features, dtype=np.float32), nearest.DEFAULT_K)
        known = [value for value in measures.means(measures.score(labels, slices, indices).ap) if value is not None]
        return math.fsum(known) / len(known) if known else None

    return score
