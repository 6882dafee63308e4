"""The losses of a net, in training and over the test batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

#: mAP of features (n, d) and labels (n, L) of tested images, 0 to 1, or None where no image can be asked about.
Score = Callable[[np.ndarray, np.ndarray], "float | None"]


def losses(net: Any) -> dict[str, float]:
    """The total (``loss``: the sum of loss_weight times top) and each reporting top named ``loss_...``, unweighted."""
    weights = net.blob_loss_weights
    total = 0.0
    reported = {}
    for name, blob in net.blobs.items():
        if weights[name]:
            total += weights[name] * float(blob.data.reshape(-1)[0])
        if name in reporting(net):
            reported[name] = float(blob.data.reshape(-1)[0])
    return {"loss": total, **reported}


def reporting(net: Any) -> list[str]:
    """The tops that report a group's loss, in the net's order."""
    return [name for name in net.blobs if name.startswith("loss_") and "_split_" not in name]


class TestNet:
    """The TEST phase of the run's net on the weights in training; ``score`` is asked on the features of ``blob``."""

    # Not a test, whatever its name says to pytest.
    __test__ = False

    def __init__(
        self,
        caffe: ModuleType,
        train_val: Path,
        param: Any,
        solver: Any,
        score: Score | None = None,
        blob: str | None = None,
    ):
        self._batches = param.test_iter[0] if param.test_iter else 0
        self._interval = param.test_interval
        self._at_start = param.test_initialization
        self._solver = solver
        self._score, self._blob = score, blob
        self._net = caffe.Net(str(train_val), caffe.TEST) if self._batches else None

    def due(self, iteration: int) -> bool:
        """Whether the net is tested before this iteration."""
        return bool(self._interval) and iteration % self._interval == 0 and (iteration > 0 or self._at_start)

    def losses(self) -> dict[str, float]:
        """Mean losses over ``test_iter`` batches, and ``map``; empty when the solver tests nothing."""
        if self._net is None:
            return {}
        self._net.share_with(self._solver.net)
        sums: dict[str, float] = {}
        features: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        asked = self._score is not None and self._blob in self._net.blobs and "label" in self._net.blobs
        for _ in range(self._batches):
            self._net.forward()
            if asked:
                for kept, blob in ((features, self._blob), (labels, "label")):
                    values = np.array(self._net.blobs[blob].data)
                    kept.append(values.reshape(len(values), -1))
            for name, value in losses(self._net).items():
                sums[name] = sums.get(name, 0.0) + value / self._batches
        if self._score is not None and asked:
            mean_ap = self._score(np.concatenate(features), np.concatenate(labels))
            if mean_ap is not None:
                sums["map"] = mean_ap
        return sums

    def go_on(self, iteration: int, records: int | None) -> None:
        """Put the data where it stands after the tests before ``iteration``, by reading on.

        ``records`` is the number of test images, after which a data layer begins again; None where it is not known.
        """
        if self._net is None or not self._interval:
            return
        tests = math.ceil(iteration / self._interval) - (iteration > 0 and not self._at_start)
        count = tests * self._batches
        if records:
            batch = int(next(iter(self._net.blobs.values())).data.shape[0])
            count %= records // math.gcd(records, batch)
        sources = [name for name in self._net.layer_dict if not self._net.bottom_names[name]]
        for _ in range(count if sources else 0):
            self._net.forward(end=sources[-1])
