"""Faster R-CNN on VGG-16 (Ren 2015) and R-FCN on ResNet-50 (Dai 2016), with Proposal as a layer of its own."""

from __future__ import annotations

from fork_nets.backbones import resnet50, vgg16
from fork_nets.text import NetText

CLASSES, ANCHORS = 21, 9


def _proposals(net: NetText, blob: str, keep: int) -> str:
    """The region proposal network on a map of 16 pixels a cell."""
    net.relu(net.convolution("rpn_conv", blob, net.channels(512)))
    net.convolution("rpn_cls_score", "rpn_conv", 2 * ANCHORS, 1)
    net.convolution("rpn_bbox_pred", "rpn_conv", 4 * ANCHORS, 1)
    net.reshape("rpn_cls_score_reshape", "rpn_cls_score", 0, 2, -1, 0)
    net.softmax("rpn_cls_prob", "rpn_cls_score_reshape")
    net.reshape("rpn_cls_prob_reshape", "rpn_cls_prob", 0, 2 * ANCHORS, -1, 0)
    return net.layer(
        "Proposal", "rois", ["rpn_cls_prob_reshape", "rpn_bbox_pred", "im_info"],
        "proposal_param { feat_stride: 16 base_size: 16 min_size: 16 ratio: [0.5, 1, 2] scale: [8, 16, 32] "
        f"pre_nms_topn: 6000 post_nms_topn: {keep} nms_thresh: 0.7 }}",
    )  # fmt: skip


def faster_rcnn_vgg16(width: float = 1, keep: int = 300) -> str:
    net = NetText(width)
    blob = vgg16(net)
    rois = _proposals(net, blob, keep)
    blob = net.layer("ROIPooling", "pool5", [blob, rois],
                     "roi_pooling_param { pooled_h: 7 pooled_w: 7 spatial_scale: 0.0625 }")  # fmt: skip
    for name in ("fc6", "fc7"):
        blob = net.relu(net.inner_product(name, blob, net.channels(4096)))
        blob = net.in_place("Dropout", f"{name}/drop", blob, "dropout_param { dropout_ratio: 0.5 }")
    net.softmax("cls_prob", net.inner_product("cls_score", blob, CLASSES))
    net.inner_product("bbox_pred", blob, 4 * CLASSES)
    return str(net)


def r_fcn_resnet50(width: float = 1, keep: int = 300) -> str:
    """Boxes are of no class (8 numbers: background and object), as in the published agnostic form."""
    net = NetText(width)
    resnet50(net, last_stride=1)
    rois = _proposals(net, "res4f", keep)
    blob = net.relu(net.convolution("conv_new_1", "res5c", net.channels(1024), 1))
    for name, outputs in (("cls", CLASSES), ("bbox", 8)):
        scores = net.convolution(f"rfcn_{name}", blob, 49 * outputs, 1)
        net.layer("PSROIPooling", f"psroipooled_{name}_rois", [scores, rois],
                  f"psroi_pooling_param {{ spatial_scale: 0.0625 output_dim: {outputs} group_size: 7 }}")  # fmt: skip
        net.pool(f"ave_{name}_score_rois", f"psroipooled_{name}_rois", 7, 7, kind="AVE")
    net.reshape("cls_prob", net.softmax("cls_prob_pre", "ave_cls_score_rois"), -1, CLASSES)
    net.reshape("bbox_pred", "ave_bbox_score_rois", -1, 8)
    return str(net)
