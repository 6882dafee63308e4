"""Deploy nets in the forms of published ones, written from their descriptions.

- ``text.py``: how a net is written; ``backbones.py``: VGG-16, ResNet-50, MobileNet
- ``ssd.py``, ``regions.py``, ``yolo.py``: nets that find objects
- ``segmentation.py``: PSPNet50, SegNet
- ``classifiers.py``: MobileNet, ShuffleNet, SE-ResNet-50, DenseNet-121
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fork_nets.classifiers import densenet121, mobilenet, se_resnet50, shufflenet
from fork_nets.regions import faster_rcnn_vgg16, r_fcn_resnet50
from fork_nets.segmentation import pspnet50, segnet
from fork_nets.ssd import mobilenet_ssd, ssd300_vgg
from fork_nets.yolo import yolo_v2


class ForkNet(NamedTuple):
    """``write(**settings)`` gives the layers behind ``data`` of (1, 3, height, width), and ``im_info`` where R-CNN is.

    ``magnitudes`` are the root mean squares that some layers' tops shall have, 1 elsewhere: codes that keep boxes in
    the image, scores that tell classes apart.
    """

    write: Callable[..., str]
    size: tuple[int, int]
    small_size: tuple[int, int]
    small: Mapping[str, Any] = {}
    magnitudes: Mapping[str, float] = {}


_BOXES = {"rpn_bbox_pred": 0.2, "cls_score": 2, "rfcn_cls": 10}

NETS = {
    "SSD300 (VGG-16)": ForkNet(ssd300_vgg, (300, 300), (300, 300), {"width": 0.125}),
    "MobileNet-SSD": ForkNet(mobilenet_ssd, (300, 300), (300, 300), {"width": 0.25}),
    "Faster R-CNN (VGG-16)": ForkNet(faster_rcnn_vgg16, (600, 800), (160, 208), {"width": 0.125, "keep": 40}, _BOXES),
    "R-FCN (ResNet-50)": ForkNet(r_fcn_resnet50, (600, 800), (160, 208), {"width": 0.125, "keep": 40}, _BOXES),
    "PSPNet50": ForkNet(pspnet50, (473, 473), (89, 89), {"width": 0.125, "side": 89}),
    "SegNet": ForkNet(segnet, (360, 480), (90, 60), {"width": 0.125, "height": 90, "wide": 60}),
    "MobileNet": ForkNet(mobilenet, (224, 224), (96, 96), {"width": 0.25}),
    "ShuffleNet": ForkNet(shufflenet, (224, 224), (96, 96), {"width": 0.2}),
    "SE-ResNet-50": ForkNet(se_resnet50, (224, 224), (96, 96), {"width": 0.125}),
    "DenseNet-121": ForkNet(densenet121, (224, 224), (96, 96), {"width": 0.25}),
    "YOLO v2": ForkNet(yolo_v2, (416, 416), (160, 160), {"width": 0.125}, {"conv23": 2}),
}
