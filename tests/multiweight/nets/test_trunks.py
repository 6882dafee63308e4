"""The trunks: sizes as published, names that published weights have, and nets that run."""

import numpy as np
import pytest
from checkout import REPOSITORY

import caffe_torch as caffe
from multiweight.base.errors import UserError
from multiweight.nets import nets
from multiweight.nets.settings import DataPaths, NetSettings
from multiweight.nets.trunks import TRUNKS
from multiweight.records.catalog import Catalog
from multiweight.train import initial_weights

CATALOG = Catalog.from_dict({"Colour": ["red", "blue"], "Coat": ["parka"]})
NARROW = dict(width=1 / 32, dropout=0.0)


def deploy(tmp_path, images=1, **settings):
    param = nets.deploy(caffe, NetSettings(**settings), CATALOG)
    param.layer[0].input_param.shape[0].dim[0] = images
    path = tmp_path / "deploy.prototxt"
    path.write_text(str(param))
    caffe.set_random_seed(1)  # narrow nets of some seeds are dead
    return caffe.Net(str(path), caffe.TEST)


def parameters(settings, first_input=3):
    """Weights and biases of the trunk by hand: from the prototxt alone, no net is made."""
    net, channels, total = nets.deploy(caffe, settings, CATALOG), {"data": first_input}, 0
    sizes = {"data": settings.crop}
    for layer in net.layer:
        bottom = layer.bottom[0] if layer.bottom else None
        if layer.type == "Convolution":
            p = layer.convolution_param
            weights = p.num_output * channels[bottom] // (p.group or 1) * p.kernel_size[0] ** 2
            total += weights + (p.num_output if p.bias_term else 0)
            channels[layer.top[0]] = p.num_output
            pad, stride = (p.pad[0] if p.pad else 0), (p.stride[0] if p.stride else 1)
            sizes[layer.top[0]] = (sizes[bottom] + 2 * pad - p.kernel_size[0]) // stride + 1
        elif layer.type == "InnerProduct" and layer.name in ("fc6", "fc7"):
            inputs = channels[bottom] * sizes[bottom] ** 2
            total += layer.inner_product_param.num_output * (inputs + 1)
            channels[layer.top[0]], sizes[layer.top[0]] = layer.inner_product_param.num_output, 1
        elif layer.type == "Pooling":
            p = layer.pooling_param
            side = 1 if p.global_pooling else -(-(sizes[bottom] - p.kernel_size) // p.stride) + 1
            channels[layer.top[0]], sizes[layer.top[0]] = channels[bottom], side
        elif layer.type == "Scale":
            total += 2 * channels[bottom]
        elif layer.top and bottom:
            channels.setdefault(layer.top[0], channels[bottom])
            sizes.setdefault(layer.top[0], sizes[bottom])
    return total


@pytest.mark.parametrize(
    "trunk, crop, published",
    [
        # The published nets without their output layer of 1,000: 4,096,000 + 1,000, or 2,048,000 + 1,000.
        ("alexnet", 227, 60_965_224 - 4_097_000),
        ("caffenet", 227, 60_965_224 - 4_097_000),
        ("vgg16", 224, 138_357_544 - 4_097_000),
        # 25,557,032, and 64 for conv1's bias, which Caffe's prototxt of it has.
        ("resnet50", 224, 25_557_032 + 64 - 2_049_000),
    ],
)
def test_parameters_of_the_full_nets(trunk, crop, published):
    assert parameters(NetSettings(trunk=trunk, size=256, crop=crop)) == published


@pytest.mark.parametrize(
    "trunk, names",
    [
        ("alexnet_bn", ["conv1", "bn1", "scale1", "conv5", "bn5", "fc6", "bn6", "scale6", "fc7", "bn7", "scale7"]),
        ("caffenet", ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]),
        ("vgg16", ["conv1_1", "conv1_2", "conv2_1", "conv3_3", "conv5_3", "fc6", "fc7"]),
        ("resnet50", ["conv1", "bn_conv1", "scale_conv1", "res2a_branch1", "bn2a_branch1", "scale2a_branch2c",
                      "res3d_branch2b", "bn4f_branch2a", "scale5c_branch2c"]),
    ],
)  # fmt: skip
def test_names_of_the_published_nets(trunk, names):
    layer_names = [layer.name for layer in nets.deploy(caffe, NetSettings(trunk=trunk), CATALOG).layer]
    assert set(names) <= set(layer_names) and [name for name in layer_names if name in names] == names
    counts = {"caffenet": 5, "alexnet_bn": 5, "vgg16": 13, "resnet50": 53}
    types = [layer.type for layer in nets.deploy(caffe, NetSettings(trunk=trunk), CATALOG).layer]
    assert types.count("Convolution") == counts[trunk]


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("crop", ["least", 70])
def test_a_narrow_net_runs_and_its_side_is_as_said(trunk, crop, tmp_path):
    crop = TRUNKS[trunk].least if crop == "least" else crop
    settings = NetSettings(trunk=trunk, size=crop, crop=crop, **NARROW)
    net = deploy(tmp_path, 2, size=crop, crop=crop, trunk=trunk, **NARROW)
    for name, params in net.params.items():
        if name.startswith("bn"):  # nothing has run yet: means of 0, large variances
            for param, value in zip(params, (0, 100, 1)):
                param.data[...] = value
    net.blobs["data"].data[...] = np.random.RandomState(1).standard_normal(net.blobs["data"].data.shape) * 50
    out = net.forward()
    assert out["prob_colour"].shape == (2, 2) and np.isfinite(out["prob_colour"]).all()
    assert net.blobs["pool5"].data.any() and settings.retrieval_blob in net.blobs
    assert net.blobs["pool5"].data.shape[2:] == (settings.side, settings.side)


@pytest.mark.parametrize("trunk, least", [("alexnet", 55), ("caffenet", 55), ("alexnet_bn", 55), ("resnet50", 7)])
def test_a_crop_that_leaves_nothing(trunk, least):
    with pytest.raises(UserError, match=f"crop {least - 1} leaves nothing of .*: it needs at least {least} pixels"):
        NetSettings(trunk=trunk, crop=least - 1)


@pytest.mark.parametrize("branch", ["fc8", "fc7", "fc6"])
@pytest.mark.parametrize("trunk", ["caffenet", "alexnet_bn", "vgg16"])
def test_tasks_branch_where_they_are_told(trunk, branch):
    by_name = {
        layer.name: layer for layer in nets.deploy(caffe, NetSettings(trunk=trunk, branch=branch), CATALOG).layer
    }
    assert f"{branch}_colour" in by_name and (branch == "fc8") == (
        "fc7" in by_name and by_name["fc7"].type == "InnerProduct"
    )


def test_what_a_trunk_does_not_have():
    with pytest.raises(UserError, match="ResNet50 has no fc7: tasks branch at fc8"):
        NetSettings(trunk="resnet50", branch="fc7")
    with pytest.raises(
        UserError, match="trunk = 'lenet': expected one of alexnet, caffenet, alexnet_bn, vgg16, resnet50"
    ):
        NetSettings(trunk="lenet")


def test_running_sums_of_batch_norm_are_not_trained():
    paths = DataPaths("i", "l", "i", "l", "")
    net = nets.train_val(caffe, NetSettings(trunk="resnet50"), CATALOG, {"Colour": 1.0, "Coat": 1.0}, paths)
    norms = [layer for layer in net.layer if layer.type == "BatchNorm"]
    assert len(norms) == 53 and all([p.lr_mult for p in layer.param] == [0, 0, 0] for layer in norms)


def test_every_layer_of_alexnet_bn_is_normalised():
    layers = nets.deploy(caffe, NetSettings(trunk="alexnet_bn", branch="fc7"), CATALOG).layer
    learned = [layer for layer in layers if layer.type in ("Convolution", "InnerProduct") and "fc8" not in layer.name]
    names = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7_colour", "fc7_coat"]
    assert [layer.name for layer in learned] == names
    for layer in learned:
        param = layer.convolution_param if layer.type == "Convolution" else layer.inner_product_param
        assert not param.bias_term and param.weight_filler.type == "msra"
        of_blob = [other.type for other in layers if layer.top[0] in other.top]
        assert of_blob[1:4] == ["BatchNorm", "Scale", "ReLU"]
    assert not [layer for layer in layers if layer.type == "LRN"]


def test_normalised_task_layers_take_the_tasks_own_rate():
    settings = NetSettings(trunk="alexnet_bn", branch="fc7", task_lr=2.0, task_decay=3.0)
    gamma, paths = {"Colour": 1.0, "Coat": 1.0}, DataPaths("i", "l", "i", "l", "")
    by_name = {layer.name: layer for layer in nets.train_val(caffe, settings, CATALOG, gamma, paths).layer}
    assert [(p.lr_mult, p.decay_mult) for p in by_name["scale7_colour"].param] == [(2, 3), (2, 3)]
    assert [(p.lr_mult, p.decay_mult) for p in by_name["fc7_colour"].param] == [(2, 3)]
    assert not by_name["scale6"].param


def test_published_weights_fill_what_fits(tmp_path):
    settings = dict(trunk="caffenet", size=67, crop=67, **NARROW)
    giver = deploy(tmp_path, **settings)
    giver.save(str(tmp_path / "published.caffemodel"))
    other = Catalog.from_dict({"Colour": ["red", "blue", "green"], "Shoe": ["boot"]})
    path = tmp_path / "other.prototxt"
    path.write_text(str(nets.deploy(caffe, NetSettings(**settings), other)))
    taker = caffe.Net(str(path), caffe.TEST)
    before = taker.params["fc8_colour"][0].data.copy()
    start = initial_weights.fill(caffe, taker, tmp_path / "published.caffemodel")
    assert start.filled == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]
    assert start.fresh == ["fc8_colour", "fc8_shoe"] and start.differ == ["fc8_colour"]
    assert "7 layers filled (conv1, conv2, conv3 ... fc7); 2 start from their fillers" in start.describe()
    np.testing.assert_array_equal(taker.params["conv3"][0].data, giver.params["conv3"][0].data)
    np.testing.assert_array_equal(taker.params["fc8_colour"][0].data, before)


def test_weights_of_another_trunk_and_no_weights(tmp_path):
    deploy(tmp_path, trunk="vgg16", size=64, crop=64, **NARROW).save(str(tmp_path / "vgg.caffemodel"))
    net = deploy(tmp_path, trunk="resnet50", size=64, crop=64, **NARROW)
    for name in ("fc8_colour", "fc8_coat"):
        net.params.pop(name, None)
    (tmp_path / "broken.caffemodel").write_bytes(b"\xff" * 20)
    with pytest.raises(UserError, match="broken.caffemodel: not a .caffemodel"):
        initial_weights.fill(caffe, net, tmp_path / "broken.caffemodel")
    (tmp_path / "empty.caffemodel").write_bytes(b"")
    with pytest.raises(UserError, match="empty.caffemodel: fills no layer of this net: it has no layer with weights"):
        initial_weights.fill(caffe, net, tmp_path / "empty.caffemodel")
    with pytest.raises(UserError, match="absent.caffemodel: cannot be read"):
        initial_weights.fill(caffe, net, tmp_path / "absent.caffemodel")
    with pytest.raises(UserError, match="vgg.caffemodel: fills no layer of this net: it has conv1_1"):
        initial_weights.fill(caffe, net, tmp_path / "vgg.caffemodel")


def test_the_table_in_prototxt():
    text = (REPOSITORY / "prototxt" / "README.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in lines]
    listed = [row for row in rows if row[0] in TRUNKS]
    assert listed == [
        [t.name, listed[n][1], ", ".join(t.branches), t.feature, str(t.least)] for n, t in enumerate(TRUNKS.values())
    ]
    assert all(row[1] in TRUNKS[row[0]].source for row in listed)
