"""Small nets in the forms of SSD, MobileNet, ShuffleNet and DenseNet against OpenCV 4's importer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deviations import Table
from fork_cases import normal
from judges import OpenCV, detections

SECTION = "Small nets in the forms of forks' nets, judged by OpenCV 4"


def convolution(
    name: str, bottom: str, outputs: int, kernel: int = 3, more: str = "", kind: str = "Convolution"
) -> str:
    return (
        f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" convolution_param {{ '
        f"num_output: {outputs} kernel_size: {kernel} pad: {kernel // 2} {more} }} }}\n"
    )


def normalised(name: str, activation: str = "ReLU") -> str:
    """BatchNorm, Scale and an activation, in place."""
    place = f'bottom: "{name}" top: "{name}"'
    return (
        f'layer {{ name: "{name}_bn" type: "BatchNorm" {place} }}\n'
        f'layer {{ name: "{name}_scale" type: "Scale" {place} scale_param {{ bias_term: true }} }}\n'
        f'layer {{ name: "{name}_act" type: "{activation}" {place} }}\n'
    )


def mobilenet() -> str:
    text = convolution("c1", "data", 8, more="stride: 2 bias_term: false") + normalised("c1", "ReLU6")
    text += convolution("dw", "c1", 8, more="group: 8 bias_term: false") + normalised("dw", "ReLU6")
    return text + convolution("it", "dw", 12, 1)


def shufflenet() -> str:
    text = convolution("c1", "data", 12, more="stride: 2") + normalised("c1")
    text += convolution("g1", "c1", 12, 1, "group: 3 bias_term: false") + normalised("g1")
    text += """layer { name: "shuffle" type: "ShuffleChannel" bottom: "g1" top: "shuffle"
      shuffle_channel_param { group: 3 } }
    """
    text += convolution("dw", "shuffle", 12, more="group: 12") + convolution("g2", "dw", 12, 1, "group: 3")
    return text + 'layer { name: "it" type: "Eltwise" bottom: "c1" bottom: "g2" top: "it" }\n'


def densenet() -> str:
    text = convolution("c1", "data", 8)
    text += """layer { name: "pool" type: "Pooling" bottom: "c1" top: "pool"
      pooling_param { pool: MAX kernel_size: 2 stride: 2 ceil_mode: false } }
    """
    text += convolution("c2", "pool", 4) + normalised("c2")
    return text + 'layer { name: "it" type: "Concat" bottom: "pool" bottom: "c2" top: "it" }\n'


def ssd() -> str:
    text = convolution("c1", "data", 8, more="stride: 2") + 'layer { name: "r" type: "ReLU" bottom: "c1" top: "c1" }\n'
    text += """layer { name: "norm" type: "Normalize" bottom: "c1" top: "norm"
      norm_param { across_spatial: false channel_shared: false } }
    """
    for kind, outputs in (("loc", 16), ("conf", 12)):
        text += convolution(kind, "norm", outputs)
        text += f"""layer {{ name: "{kind}_perm" type: "Permute" bottom: "{kind}" top: "{kind}_perm"
          permute_param {{ order: 0 order: 2 order: 3 order: 1 }} }}
        layer {{ name: "{kind}_flat" type: "Flatten" bottom: "{kind}_perm" top: "{kind}_flat" }}
        """
    return (
        text
        + """layer { name: "prior" type: "PriorBox" bottom: "norm" bottom: "data" top: "prior"
      prior_box_param { min_size: 6 max_size: 12 aspect_ratio: 2 flip: true clip: false
        variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
    layer { name: "rows" type: "Reshape" bottom: "conf_flat" top: "rows"
      reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
    layer { name: "softmax" type: "Softmax" bottom: "rows" top: "softmax" softmax_param { axis: 2 } }
    layer { name: "scores" type: "Flatten" bottom: "softmax" top: "scores" flatten_param { axis: 1 } }
    layer { name: "it" type: "DetectionOutput" bottom: "loc_flat" bottom: "scores" bottom: "prior" top: "it"
      detection_output_param { num_classes: 3 share_location: true background_label_id: 0 code_type: CENTER_SIZE
        keep_top_k: 20 confidence_threshold: 0.3 nms_param { nms_threshold: 0.45 top_k: 50 } } }
    """
    )


NETS = {"SSD": ssd(), "MobileNet": mobilenet(), "ShuffleNet": shufflenet(), "DenseNet": densenet()}


@pytest.fixture(scope="module")
def judged(opencv4: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, np.ndarray], OpenCV]:
    opencv = OpenCV(opencv4, tmp_path_factory.mktemp("opencv"))
    image = {"data": normal(1, 3, 17, 19)}
    ours = {name: opencv.add(name, layers, image)["it"] for name, layers in NETS.items()}
    opencv.run()
    return ours, opencv


@pytest.mark.parametrize("name", NETS)
def test_a_net_agrees(name: str, judged: tuple[dict[str, np.ndarray], OpenCV], fork_table: Table) -> None:
    ours, theirs = judged[0][name], judged[1].outputs(name)["it"]
    if name == "SSD":
        ours, theirs = detections(ours), detections(theirs)
        assert len(ours) > 3
    fork_table.compare(SECTION, name, name, {"it": ours}, {"it": theirs}, {"it": "forward"}, 1e-5)
