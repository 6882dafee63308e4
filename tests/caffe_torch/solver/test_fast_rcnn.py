"""A small Fast R-CNN that learns two kinds of boxes on drawn images: ROIPooling and its two losses train together."""

import numpy as np
import pytest

import caffe_torch as caffe

SIDE, REGIONS, CLASSES = 32, 24, 3

NET = f"""
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 1 dim: {SIDE} dim: {SIDE} }} }} }}
layer {{ name: "rois" type: "Input" top: "rois" input_param {{ shape {{ dim: {REGIONS} dim: 5 }} }} }}
layer {{ name: "labels" type: "Input" top: "labels" input_param {{ shape {{ dim: {REGIONS} }} }} }}
layer {{ name: "targets" type: "Input" top: "targets" top: "inside" top: "outside"
  input_param {{ shape {{ dim: {REGIONS} dim: {4 * CLASSES} }} }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1" convolution_param {{ num_output: 6 kernel_size: 3
  pad: 1 stride: 2 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2" convolution_param {{ num_output: 8
  kernel_size: 3 pad: 1 stride: 2 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }}
layer {{ name: "roi_pool" type: "ROIPooling" bottom: "conv2" bottom: "rois" top: "roi_pool"
  roi_pooling_param {{ pooled_h: 3 pooled_w: 3 spatial_scale: 0.25 }} }}
layer {{ name: "fc6" type: "InnerProduct" bottom: "roi_pool" top: "fc6" inner_product_param {{ num_output: 32
  weight_filler {{ type: "msra" }} }} }}
layer {{ name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }}
layer {{ name: "cls_score" type: "InnerProduct" bottom: "fc6" top: "cls_score" inner_product_param {{
  num_output: {CLASSES} weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
layer {{ name: "bbox_pred" type: "InnerProduct" bottom: "fc6" top: "bbox_pred" inner_product_param {{
  num_output: {4 * CLASSES} weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
layer {{ name: "loss_cls" type: "SoftmaxWithLoss" bottom: "cls_score" bottom: "labels" top: "loss_cls" }}
layer {{ name: "loss_bbox" type: "SmoothL1Loss" bottom: "bbox_pred" bottom: "targets" bottom: "inside" bottom: "outside"
  top: "loss_bbox" loss_weight: 1 }}
"""


def drawn():
    """Two images with a bright and a dark square each; regions around them or beside, labels and box targets."""
    rng = np.random.default_rng(0)
    data = rng.normal(0, 0.1, (2, 1, SIDE, SIDE))
    true = {}
    for image in range(2):
        for label, (x, y, side, value) in enumerate(((3 + 2 * image, 4, 11, 1), (18, 15 + image, 9, -1)), 1):
            data[image, 0, y : y + side, x : x + side] = value
            true[image, label] = np.array([x, y, x + side - 1, y + side - 1])
    rois, labels = np.zeros((REGIONS, 5)), np.zeros(REGIONS)
    targets, inside = np.zeros((REGIONS, 4 * CLASSES)), np.zeros((REGIONS, 4 * CLASSES))
    for i in range(REGIONS):
        image, label = i % 2, i // 2 % CLASSES
        rois[i, 0], labels[i] = image, label
        if label == 0:
            x, y = rng.integers(0, 4, 2)
            rois[i, 1:] = [19 + x, 1 + y, 26 + x, 8 + y]
            continue
        box = true[image, label]
        rois[i, 1:] = np.clip(box + rng.integers(-2, 3, 4), 0, SIDE - 1)
        size, own = rois[i, 3:] - rois[i, 1:3] + 1, box[2:] - box[:2] + 1
        shift = (box[:2] + own / 2 - rois[i, 1:3] - size / 2) / size
        place = slice(4 * label, 4 * label + 4)
        targets[i, place], inside[i, place] = 10 * np.concatenate([shift, np.log(own / size)]), 1
    return {"data": data, "rois": rois, "labels": labels, "targets": targets, "inside": inside,
            "outside": (inside > 0).astype(float)}  # fmt: skip


@pytest.fixture
def solver(tmp_path):
    caffe.set_random_seed(1)
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.02 lr_policy: "fixed" momentum: 0.9 max_iter: 200 '
        f'snapshot_prefix: "{tmp_path}/s"'
    )
    solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
    for name, values in drawn().items():
        solver.net.blobs[name].data[...] = values
    return solver


def losses(net):
    net.forward()
    return float(net.blobs["loss_cls"].data), float(net.blobs["loss_bbox"].data)


def test_both_losses_fall_and_the_regions_are_told_apart(solver):
    before = losses(solver.net)
    assert before[0] == pytest.approx(np.log(CLASSES), abs=0.1)
    solver.step(120)
    after = losses(solver.net)
    assert after[0] < 0.1 * before[0] and after[1] < 0.3 * before[1], (before, after)
    result = solver.net.blobs["cls_score"].data.argmax(axis=1)
    np.testing.assert_array_equal(result, drawn()["labels"])


def test_gradients_of_the_whole_net_are_finite_differences(solver):
    solver.step(3)  # away from where the fillers put it
    net = solver.net
    net.clear_param_diffs()
    losses(net)
    net.backward()
    for layer, index in (("conv1", 0), ("conv2", 0), ("fc6", 0), ("bbox_pred", 0), ("cls_score", 1)):
        blob = net.params[layer][index]
        place = np.unravel_index(np.abs(blob.diff).argmax(), blob.shape)
        gradient, before, values = float(blob.diff[place]), float(blob.data[place]), []
        for step in (2e-3, -2e-3):
            blob.data[place] = before + step
            values.append(sum(losses(net)))
        blob.data[place] = before
        assert gradient != 0 and (values[0] - values[1]) / 4e-3 == pytest.approx(gradient, rel=0.05), layer
