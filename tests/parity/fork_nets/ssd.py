"""SSD300 on VGG-16 (Liu 2016) and on MobileNet (MobileNet-SSD), with their published priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fork_nets.backbones import mobilenet, vgg16
from fork_nets.text import NetText

CLASSES = 21


class Source(NamedTuple):
    """A map that boxes are found on: sizes in pixels, aspect ratios, pixels a cell (0: the image's by the map's)."""

    blob: str
    least: float
    most: float
    ratios: Sequence[int]
    step: float = 0


def _heads(net: NetText, sources: Sequence[Source], kernel: int, keep: int) -> str:
    joined: dict[str, list[str]] = {"loc": [], "conf": [], "priorbox": []}
    for source in sources:
        count = 1 + (source.most > 0) + 2 * len(source.ratios)
        for kind, outputs in (("loc", 4 * count), ("conf", CLASSES * count)):
            name = f"{source.blob}_mbox_{kind}"
            net.convolution(name, source.blob, outputs, kernel)
            net.layer("Permute", f"{name}_perm", name, "permute_param { order: [0, 2, 3, 1] }")
            net.layer("Flatten", f"{name}_flat", f"{name}_perm")
            joined[kind].append(f"{name}_flat")
        settings = f"min_size: {source.least} flip: true clip: false variance: [0.1, 0.1, 0.2, 0.2] offset: 0.5"
        settings += "".join(f" aspect_ratio: {ratio}" for ratio in source.ratios)
        settings += f" max_size: {source.most}" * (source.most > 0) + f" step: {source.step}" * (source.step > 0)
        name = f"{source.blob}_mbox_priorbox"
        net.layer("PriorBox", name, [source.blob, "data"], f"prior_box_param {{ {settings} }}")
        joined["priorbox"].append(name)
    for kind, blobs in joined.items():
        net.layer("Concat", f"mbox_{kind}", blobs, f"concat_param {{ axis: {2 if kind == 'priorbox' else 1} }}")
    net.reshape("mbox_conf_reshape", "mbox_conf", 0, -1, CLASSES)
    net.softmax("mbox_conf_softmax", "mbox_conf_reshape", axis=2)
    net.layer("Flatten", "mbox_conf_flatten", "mbox_conf_softmax")
    return net.layer(
        "DetectionOutput", "detection_out", ["mbox_loc", "mbox_conf_flatten", "mbox_priorbox"],
        f"detection_output_param {{ num_classes: {CLASSES} share_location: true background_label_id: 0 "
        f"code_type: CENTER_SIZE keep_top_k: {keep} confidence_threshold: 0.01 "
        "nms_param { nms_threshold: 0.45 top_k: 400 } }",
    )  # fmt: skip


def ssd300_vgg(width: float = 1) -> str:
    net = NetText(width)
    blob = net.pool("pool5", vgg16(net), 3, 1, 1)
    blob = net.relu(net.convolution("fc6", blob, net.channels(1024), dilation=6))
    blob = net.relu(net.convolution("fc7", blob, net.channels(1024), 1))
    for name, inner, outer, stride, pad in (("conv6", 256, 512, 2, 1), ("conv7", 128, 256, 2, 1),
                                            ("conv8", 128, 256, 1, 0), ("conv9", 128, 256, 1, 0)):  # fmt: skip
        blob = net.relu(net.convolution(f"{name}_1", blob, net.channels(inner), 1))
        blob = net.relu(net.convolution(f"{name}_2", blob, net.channels(outer), 3, stride, pad))
    net.layer("Normalize", "conv4_3_norm", "conv4_3",
              "norm_param { across_spatial: false channel_shared: false scale_filler { value: 20 } }")  # fmt: skip
    sizes = ((30, 60, 8), (60, 111, 16), (111, 162, 32), (162, 213, 64), (213, 264, 100), (264, 315, 300))
    blobs = ("conv4_3_norm", "fc7", "conv6_2", "conv7_2", "conv8_2", "conv9_2")
    few = ("conv4_3_norm", "conv8_2", "conv9_2")
    sources = [
        Source(blob, least, most, [2] if blob in few else [2, 3], step)
        for blob, (least, most, step) in zip(blobs, sizes)
    ]
    _heads(net, sources, 3, 200)
    return str(net)


def mobilenet_ssd(width: float = 1) -> str:
    net = NetText(width)
    blob = mobilenet(net)
    for name, inner, outer in (("conv14", 256, 512), ("conv15", 128, 256), ("conv16", 128, 256), ("conv17", 64, 128)):
        blob = net.batch_norm(net.convolution(f"{name}_1", blob, net.channels(inner), 1, bias=False))
        blob = net.batch_norm(net.convolution(f"{name}_2", blob, net.channels(outer), 3, 2, bias=False))
    sizes = ((60, 0), (105, 150), (150, 195), (195, 240), (240, 285), (285, 300))
    blobs = ("conv11", "conv13", "conv14_2", "conv15_2", "conv16_2", "conv17_2")
    sources = [
        Source(blob, least, most, [2] if blob == "conv11" else [2, 3]) for blob, (least, most) in zip(blobs, sizes)
    ]
    _heads(net, sources, 1, 100)
    return str(net)
