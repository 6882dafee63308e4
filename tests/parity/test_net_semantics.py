"""How both engines build a net, by their logs: layers kept by phase, splits, shapes, loss weights, backward."""

from __future__ import annotations

import pytest
from test_caffe_command import result_lines, same
from test_snapshots import ours
from workshop import Workshop

X = 'layer { name: "x" type: "DummyData" top: "x" top: "t" dummy_data_param { shape { dim: 4 dim: 3 } } }'


def fc(name: str, bottom: str, more: str = "", top: str = "") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top or name}" '
        f"inner_product_param {{ num_output: 3 }} {more} }}"
    )


def loss(bottoms: str = "fc t", more: str = 'top: "loss"', name: str = "loss") -> str:
    ends = " ".join(f'bottom: "{b}"' for b in bottoms.split())
    return f'layer {{ name: "{name}" type: "EuclideanLoss" {ends} {more} }}'


NETS = {
    "a loss without a top": X + fc("fc", "x") + loss(more=""),
    "two losses without tops": X + fc("fc", "x") + loss(more="") + loss(more="loss_weight: 0.5", name="again"),
    "propagate_down false": X + fc("a", "x") + fc("fc", "a", "propagate_down: false") + loss(),
    "propagate_down false in a layer without parameters": X
    + fc("a", "x")
    + 'layer { name: "r" type: "TanH" bottom: "a" top: "r" propagate_down: false }'
    + fc("fc", "r")
    + loss(),
    "propagate_down true to data": X + fc("fc", "x", "propagate_down: true") + loss(),
    "propagate_down true to data, no parameters": X
    + 'layer { name: "r" type: "TanH" bottom: "x" top: "r" propagate_down: true }'
    + loss("r t"),
    "a branch without a loss": X + fc("fc", "x") + fc("idle", "x") + fc("idler", "idle") + loss(),
    "lr_mult 0 below": X + fc("a", "x", "param { lr_mult: 0 } param { lr_mult: 0 }") + fc("fc", "a") + loss(),
    "lr_mult 0 everywhere": X + fc("fc", "x", "param { lr_mult: 0 } param { lr_mult: 0 }") + loss(),
    "force_backward": "force_backward: true " + X + fc("fc", "x") + loss(),
    "a weight on a top that is used": X + fc("fc", "x", "loss_weight: 0.1") + loss() + loss("fc t", 'top: "l2"', "l2"),
    "two tops with weights": X
    + 'layer { name: "s" type: "Slice" bottom: "x" top: "a" top: "b" slice_param { axis: 1 slice_point: 1 } '
    + "loss_weight: 2 loss_weight: 0 }",
    "shared parameters": X
    + fc("a", "x", 'param { name: "w" lr_mult: 2 } param { name: "b" }')
    + fc("fc", "a", 'param { name: "w" } param { name: "b" decay_mult: 0 }')
    + loss(),
    "in place": X
    + fc("fc", "x")
    + 'layer { name: "r" type: "ReLU" bottom: "fc" top: "fc" }'
    + 'layer { name: "q" type: "Sigmoid" bottom: "fc" top: "q" }'
    + loss("q t"),
    "one name twice": X + fc("fc", "x", top="one") + fc("fc", "one", top="two") + loss("two t"),
    "outputs in order of names": X + fc("zebra", "x") + fc("ape", "x"),
    "a label used twice": X + fc("fc", "x") + loss() + loss("fc t", 'top: "other"', "other"),
    "rules": X
    + fc("a", "x", "include { phase: TRAIN }")
    + fc("b", "x", "include { phase: TEST }")
    + fc("c", "x", 'include { stage: "one" not_stage: "two" }')
    + fc("d", "x", 'exclude { stage: "one" }')
    + fc("e", "x", "include { min_level: 2 }")
    + fc("f", "x", "include { max_level: 2 }")
    + fc("g", "x", 'include { phase: TEST } include { stage: "one" min_level: 3 }'),
    "input fields": 'input: "x" input: "y" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 1 '
    "input_dim: 1 input_dim: 5 input_dim: 5 " + fc("fc", "y"),
    "input shapes": 'input: "x" input_shape { dim: 2 dim: 7 } ' + fc("fc", "x"),
    "V1": """layers { name: "x" type: DUMMY_DATA top: "x" top: "t" dummy_data_param { num: 2 channels: 3 height: 8
        width: 8 num: 2 channels: 4 height: 1 width: 1 } }
      layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" blobs_lr: 1 blobs_lr: 2 param: "w"
        convolution_param { num_output: 4 kernel_size: 8 } }
      layers { name: "l" type: EUCLIDEAN_LOSS bottom: "c" bottom: "t" loss_weight: 3 }""",
    "V0": """input: "x" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
      layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "p" }
      layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 3 blobs_lr: 0 } bottom: "p" top: "c" }
      layers { layer { name: "q" type: "pool" pool: AVE kernelsize: 3 stride: 2 } bottom: "c" top: "q" }
      layers { layer { name: "r" type: "relu" } bottom: "q" top: "q" }
      layers { layer { name: "n" type: "lrn" local_size: 3 } bottom: "q" top: "n" }
      layers { layer { name: "i" type: "innerproduct" num_output: 5 } bottom: "n" top: "i" }
      layers { layer { name: "s" type: "softmax" } bottom: "i" top: "s" }""",
}


CASES = [(name, ()) for name in NETS] + [
    ("rules", ("-phase=TEST", "-level=3", "-stage=one")),
    ("rules", ("-stage=one,two",)),
]


@pytest.mark.parametrize("name, flags", CASES, ids=[" ".join([name, *flags]) for name, flags in CASES])
def test_a_net(name: str, flags: tuple[str, ...]) -> None:
    with Workshop() as shop:
        (shop.path / "net.prototxt").write_text(NETS[name])
        words = ("time", "-model=net.prototxt", "-iterations=1", *flags)
        here = ours(shop.path, *words)
        there = shop.run("env", "-C", str(shop.inside), "caffe", *words)
    end = "Network initialization done."
    same(here[: here.index(end)], there[: there.index(end)])
    assert len(result_lines(here)) > 5
