"""Layers of Caffe's forks one by one against OpenCV 4's importer, on drawn inputs and weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deviations import Table
from fork_cases import CASES, ForkCase
from judges import OpenCV, detections, named

SECTION = "Layers of forks, judged by OpenCV 4"
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def judged(opencv4: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, np.ndarray], OpenCV]:
    """Our outputs by case, and OpenCV's."""
    opencv = OpenCV(opencv4, tmp_path_factory.mktemp("opencv"))
    ours = {case.name: opencv.add(case.name, case.layers, named(case.inputs))["it"] for case in CASES}
    opencv.run()
    return ours, opencv


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_layer_agrees(case: ForkCase, judged: tuple[dict[str, np.ndarray], OpenCV], fork_table: Table) -> None:
    ours, theirs = judged[0][case.name], judged[1].outputs(case.name)["it"]
    if case.type == "DetectionOutput":
        result = detections(ours)
        np.testing.assert_array_equal(result, ours.reshape(-1, 7))  # in SSD's own order
        ours, theirs = result, detections(theirs)
    elif case.type == "Proposal":
        # OpenCV fills up with rows of zeros to post_nms_topn.
        theirs = theirs.reshape(-1, 5)
        assert not theirs[len(ours) :].any()
        theirs = theirs[: len(ours)]
    else:
        theirs = theirs.reshape(ours.shape)
    fork_table.compare(SECTION, case.type, case.name, {"it": ours}, {"it": theirs}, {"it": "forward"}, TOLERANCE)
