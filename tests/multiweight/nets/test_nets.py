import numpy as np
import pytest
from google.protobuf import text_format

import caffe_torch as caffe
from multiweight.base.errors import UserError
from multiweight.nets import nets, prototxt_text
from multiweight.nets.settings import NetSettings
from multiweight.records.catalog import Catalog
from small_nets import CATALOG, GAMMA, ONES, PATHS, copy_weights, load, settings

SINGLE = Catalog.from_dict({"Colour": ["red", "blue"]})


def train_val(chosen, gamma=GAMMA, catalog=CATALOG):
    return nets.train_val(caffe, chosen, catalog, gamma, PATHS)


def layers(net):
    return {layer.name: layer for layer in net.layer if not layer.include or layer.include[0].phase == 0}


def types(net):
    return [layer.type for layer in net.layer]


def test_the_trunk_is_the_papers():
    by_name = layers(nets.train_val(caffe, NetSettings(), CATALOG, GAMMA, PATHS))
    convolutions = {
        name: (
            p.num_output,
            p.kernel_size[0],
            p.stride[0] if p.stride else 1,
            p.group,
            layer.convolution_param.bias_filler.value,
        )
        for name, layer in by_name.items()
        if layer.type == "Convolution"
        for p in [layer.convolution_param]
    }
    assert convolutions == {
        "conv1": (96, 11, 4, 1, 0),
        "conv2": (256, 5, 1, 2, pytest.approx(0.1)),
        "conv3": (384, 3, 1, 1, 0),
        "conv4": (384, 3, 1, 2, pytest.approx(0.1)),
        "conv5": (256, 3, 1, 2, pytest.approx(0.1)),
    }
    for name in ("fc6", "fc7"):
        assert by_name[name].inner_product_param.num_output == 4096
        assert by_name[name].inner_product_param.bias_filler.value == pytest.approx(0.1)
        assert by_name[f"drop{name[-1]}"].dropout_param.dropout_ratio == 0.5
    order = [layer.name for layer in by_name.values()]
    assert order[2:10] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    assert by_name["relu7"].top[0] == "fc7" and by_name["pool1"].pooling_param.kernel_size == 3


def test_data_comes_in_pairs_and_only_training_is_random():
    net = train_val(NetSettings())
    data = [layer for layer in net.layer if layer.type == "Data"]
    assert [(layer.name, layer.include[0].phase, layer.data_param.source) for layer in data] == [
        ("data", 0, "train_images"),
        ("label", 0, "train_labels"),
        ("data", 1, "test_images"),
        ("label", 1, "test_labels"),
    ]
    assert [layer.data_param.batch_size for layer in data] == [256, 256, 50, 50]
    images, labels = data[0::2], data[1::2]
    assert [layer.transform_param.mirror for layer in images] == [True, False]
    assert {(layer.transform_param.crop_size, layer.transform_param.mean_file) for layer in images} == {
        (224, "mean.binaryproto")
    }
    # The labels must reach the loss as 0 and 1: no scale, no mean, no crop.
    assert not any(layer.HasField("transform_param") for layer in labels)


@pytest.mark.parametrize("crop, side", [(224, 6), (227, 6), (112, 3), (67, 1)])
def test_pool5_as_the_paper_has_it(crop, side):
    assert NetSettings(crop=crop).side == side


def test_a_narrow_net_keeps_the_scale_of_its_activations():
    wide, narrow = layers(train_val(NetSettings())), layers(train_val(NetSettings(size=128, crop=112, width=0.5)))
    assert narrow["conv2"].convolution_param.weight_filler.std == pytest.approx(0.01 * 2**0.5, rel=1e-3)
    # fc6 sees 128 x 3 x 3 values in place of 256 x 6 x 6.
    assert narrow["fc6"].inner_product_param.weight_filler.std == pytest.approx(0.005 * 8**0.5, rel=1e-3)
    assert narrow["conv1"].convolution_param.weight_filler == wide["conv1"].convolution_param.weight_filler
    assert narrow["fc7"].inner_product_param.num_output == 2048


def test_heads():
    multi_label = layers(train_val(settings("multi_label")))
    assert multi_label["fc8"].inner_product_param.num_output == CATALOG.size
    assert multi_label["loss"].type == "SigmoidCrossEntropyLoss"
    python = layers(train_val(settings("multi_weight")))
    assert list(python["loss"].bottom) == ["fc8_colour", "fc8_coat", "fc8_leather", "fc8_skirt", "label"]
    assert list(python["loss"].top) == ["loss", "loss_colour", "loss_coat", "loss_leather", "loss_skirt"]
    assert list(python["loss"].loss_weight) == [1, 0, 0, 0, 0]
    builtin = layers(train_val(settings("multi_weight", loss="builtin")))
    weights = {name: layer.loss_weight[0] for name, layer in builtin.items() if name.startswith("loss_")}
    assert weights == pytest.approx({f"loss_{g.slug}": GAMMA[g.name] for g in CATALOG.groups})
    assert list(builtin["slice_label"].slice_param.slice_point) == [5, 7, 8]


@pytest.mark.parametrize("loss", ["python", "builtin"])
def test_a_single_group_needs_no_slice(loss):
    for chosen in (settings(loss=loss), settings("multi_label")):
        net = train_val(chosen, {"Colour": 1.0}, SINGLE)
        assert "Slice" not in types(net)
        assert nets.deploy(caffe, chosen, SINGLE).layer[-1].type == "Sigmoid"


def test_branching_lower():
    by_name = layers(train_val(settings(branch="fc7", width=1, task_units=100)))
    assert (
        "fc7" not in by_name and by_name["fc7_coat"].bottom[0] == "fc6" and by_name["fc8_coat"].bottom[0] == "fc7_coat"
    )
    assert by_name["fc7_coat"].inner_product_param.num_output == 100
    by_name = layers(train_val(settings(branch="fc6", width=1)))
    assert (
        "fc6" not in by_name
        and by_name["fc6_coat"].bottom[0] == "pool5"
        and by_name["fc7_coat"].bottom[0] == "fc6_coat"
    )
    assert by_name["fc6_coat"].inner_product_param.num_output == 1024
    deployed = layers(nets.deploy(caffe, settings(branch="fc7"), CATALOG))
    assert list(deployed["fc7"].bottom) == ["fc7_colour", "fc7_coat", "fc7_leather", "fc7_skirt"]


def test_two_tasks_by_kind():
    by_name = layers(train_val(settings("multi_task", tasks="kind"), ONES))
    assert by_name["fc8_types"].inner_product_param.num_output == 5
    assert list(by_name["slice_types"].top) == ["fc8_coat", "fc8_skirt"]
    assert list(by_name["slice_attributes"].top) == ["fc8_colour", "fc8_leather"]
    assert list(by_name["loss"].bottom)[:4] == ["fc8_colour", "fc8_coat", "fc8_leather", "fc8_skirt"]
    with pytest.raises(UserError, match="no group of kind 'type'"):
        train_val(settings(tasks="kind"), {"Colour": 1.0}, SINGLE)


def multipliers(by_name, name):
    return [(p.lr_mult, p.decay_mult) for p in by_name[name].param]


def test_multipliers_of_task_layers():
    by_name = layers(train_val(settings(branch="fc7", task_lr=10, task_decay=0.5)))
    for name in ("fc7_coat", "fc8_coat"):
        assert multipliers(by_name, name) == [(10, 0.5), (20, 0)]
    assert multipliers(by_name, "fc6") == [(1, 1), (2, 0)]
    by_name = layers(train_val(settings(decay_by_gamma=True)))
    assert multipliers(by_name, "fc8_leather")[0] == (1, pytest.approx(0.0002))
    by_name = layers(train_val(settings(gamma_on="shared")))
    assert multipliers(by_name, "fc8_leather")[0] == (pytest.approx(5000), pytest.approx(0.0002))
    with pytest.raises(UserError, match="one gamma a task"):
        train_val(settings(gamma_on="shared", tasks="kind"))
    with pytest.raises(UserError, match="'Leather' is 0"):
        train_val(settings(gamma_on="shared"), {**GAMMA, "Leather": 0.0})
    # multi_label has no task layers, so their factors do not reach it.
    assert multipliers(layers(train_val(settings("multi_label", task_lr=10))), "fc8") == [(1, 1), (2, 0)]


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(crop=300), "crop 300"),
        (dict(crop=40), "at least 55"),
        (dict(branch="conv5"), "expected one of fc8, fc7, fc6"),
        (dict(width=0), "width"),
        (dict(dropout=1.0), "dropout"),
        (dict(task_units=0), "task_units"),
    ],
)
def test_settings_that_make_no_net(changes, words):
    with pytest.raises(UserError, match=words):
        NetSettings(**changes)


def test_a_group_without_gamma():
    with pytest.raises(UserError, match="no gamma for group 'Coat'"):
        train_val(settings(), {"Colour": 1.0})


def test_deploy_ends_in_probabilities():
    net = nets.deploy(caffe, NetSettings(), CATALOG)
    assert list(net.layer[0].input_param.shape[0].dim) == [10, 3, 224, 224]
    assert [layer.top[0] for layer in net.layer if layer.type == "Sigmoid"] == [
        f"prob_{g.slug}" for g in CATALOG.groups
    ]
    assert nets.deploy(caffe, settings("multi_label"), CATALOG).layer[-1].top[0] == "prob"


@pytest.mark.parametrize(
    "changes",
    [{}, dict(head="multi_label"), dict(loss="builtin"), dict(branch="fc6", tasks="kind"), dict(branch="fc7")],
)
def test_text_parses_back_to_the_same_net(changes):
    for net in (train_val(settings(**changes)), nets.deploy(caffe, settings(**changes), CATALOG)):
        text = prototxt_text.render(net, ["a header"], {"conv1": ["a comment"]})
        assert text_format.Parse(text, type(net)()) == net


# Numbers: both forms of the loss, and the identity of multi-task and multi-label.


def run(net):
    loss = net.forward()
    net.backward()
    return loss


def close(a, b, tolerance):
    assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


def test_both_forms_of_the_loss_agree(tmp_path):
    python = load(caffe, tmp_path, settings(), GAMMA)
    builtin = load(caffe, tmp_path, settings(loss="builtin"), GAMMA)
    copy_weights(python, builtin)
    by_python, by_builtin = run(python), run(builtin)
    for group in CATALOG.groups:
        close(by_python[f"loss_{group.slug}"], by_builtin[f"loss_{group.slug}"], 5e-5)
    total = sum(GAMMA[g.name] * float(np.ravel(by_builtin[f"loss_{g.slug}"])[0]) for g in CATALOG.groups)
    assert float(np.ravel(by_python["loss"])[0]) == pytest.approx(total, rel=5e-5)
    largest = max(np.abs(blob.diff).max() for blobs in builtin.params.values() for blob in blobs)
    assert largest > 0
    for name, blobs in builtin.params.items():
        for ours, theirs in zip(python.params[name], blobs):
            assert np.abs(ours.diff - theirs.diff).max() <= 1e-6 * largest, name


@pytest.mark.parametrize("loss", ["python", "builtin"])
def test_gamma_one_is_the_multi_label_net(tmp_path, loss):
    label = load(caffe, tmp_path, settings("multi_label"), ONES)
    task = load(caffe, tmp_path, settings("multi_task", loss=loss), ONES)
    copy_weights(label, task)
    multi_label, multi_task = run(label), run(task)
    total = sum(float(np.ravel(multi_task[f"loss_{g.slug}"])[0]) for g in CATALOG.groups)
    assert float(np.ravel(multi_label["loss"])[0]) == pytest.approx(total, rel=5e-5)
    largest = max(np.abs(blob.diff).max() for blobs in label.params.values() for blob in blobs)
    for name, blobs in label.params.items():
        for n, blob in enumerate(blobs):
            if name == "fc8":
                other = np.concatenate([task.params[f"fc8_{g.slug}"][n].diff for g in CATALOG.groups])
            else:
                other = task.params[name][n].diff
            assert np.abs(other - blob.diff).max() <= 1e-6 * largest, name
