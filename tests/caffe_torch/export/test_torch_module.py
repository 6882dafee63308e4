"""A net as a torch.nn.Module: the same values and gradients, and what PyTorch does with it."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.torch
import small
import torch

import caffe_torch as caffe
from caffe_torch import export

WIDE = """name: "wide"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 11 dim: 9 } } }
layer { name: "conv.1" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3
  pad: 1 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
layer { name: "scale" type: "Scale" bottom: "bn" top: "bn" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "bn" top: "bn" }
layer { name: "max" type: "Pooling" bottom: "bn" top: "max" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "ave" type: "Pooling" bottom: "bn" top: "ave" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "both" type: "Concat" bottom: "max" bottom: "ave" top: "both" }
layer { name: "norm" type: "LRN" bottom: "both" top: "norm" lrn_param { local_size: 3 alpha: 0.1 beta: 0.75 } }
layer { name: "up" type: "Deconvolution" bottom: "norm" top: "up" convolution_param { num_output: 2 kernel_size: 2
  stride: 2 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "crop" type: "Crop" bottom: "up" bottom: "both" top: "crop" crop_param { axis: 2 offset: 1 } }
layer { name: "flat" type: "Flatten" bottom: "crop" top: "flat" }
layer { name: "fc" type: "InnerProduct" bottom: "flat" top: "fc" inner_product_param { num_output: 5
  weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "sig" type: "Sigmoid" bottom: "fc" top: "sig" }
"""


def wide(tmp_path, forced=True):
    net = small.net(tmp_path, ("force_backward: true\n" if forced else "") + WIDE)
    net.params["bn"][0].data[...] = 0.1
    net.params["bn"][1].data[...] = 2.0
    net.params["bn"][2].data[...] = 1.5
    net.blobs["data"].data[...] = np.random.default_rng(3).standard_normal((2, 3, 11, 9))
    return net


@pytest.mark.parametrize("text", [small.NET, WIDE])
def test_values_and_gradients_are_the_nets(tmp_path, text):
    net = wide(tmp_path) if text is WIDE else small.net(tmp_path, "force_backward: true\n" + text)
    if text is small.NET:
        net.blobs["data"].data[...] = np.random.default_rng(3).standard_normal(net.blobs["data"].data.shape)
    module = export.module(net)
    x = torch.from_numpy(net.blobs["data"].data.copy()).requires_grad_()
    (name,) = net.outputs
    y = module(x)
    net.forward()
    np.testing.assert_allclose(y.detach(), net.blobs[name].data, rtol=1e-4, atol=1e-6)
    dy = np.random.default_rng(4).standard_normal(y.shape).astype(np.float32)
    net.blobs[name].diff[...] = dy
    net.clear_param_diffs()
    net.backward()
    y.backward(torch.from_numpy(dy))

    def apart(a, b):
        return np.abs(np.asarray(a) - b).max() / max(np.abs(b).max(), 1e-12)

    assert net.blobs["data"].diff.any() and apart(x.grad, net.blobs["data"].diff) < 1e-4
    parameters = dict(module.named_parameters())
    compared = 0
    for layer, blobs in net.params.items():
        for i, blob in enumerate(blobs):
            parameter = parameters.get(f"{layer.replace('.', '_')}.{('weight', 'bias')[min(i, 1)]}")
            if parameter is not None and layer != "bn":
                assert apart(parameter.grad, blob.diff) < 1e-4, (layer, i)
                compared += 1
    assert compared == len(parameters)


def test_another_batch_and_several_outputs(tmp_path):
    net = wide(tmp_path)
    module = export.module(net, outputs=["fc", "both"])
    x = np.random.default_rng(5).standard_normal((5, 3, 11, 9)).astype(np.float32)
    outputs = module(torch.from_numpy(x))
    np.testing.assert_allclose(outputs["fc"].detach(), small.forward(net, "fc", data=x), rtol=1e-4, atol=1e-5)
    assert outputs["both"].shape == (5, 8, 5, 4)


def test_parameters_are_copies_or_the_nets_own(tmp_path):
    net = wide(tmp_path)
    for share in (False, True):
        module = export.module(net, share=share)
        before = net.params["fc"][0].data.copy()
        with torch.no_grad():
            module.fc.weight.add_(1)
        np.testing.assert_allclose(net.params["fc"][0].data, before + (1 if share else 0))


def test_batch_norms_statistics_are_copies_in_a_shared_module_too(tmp_path):
    net = wide(tmp_path)
    module = export.module(net, share=True)
    before = module.bn.running_mean.clone()
    torch.testing.assert_close(before, torch.full((4,), 0.1 / 1.5))
    net.params["bn"][0].data[...] = 7
    torch.testing.assert_close(module.bn.running_mean, before)
    module.bn.running_mean.add_(1)
    assert (net.params["bn"][0].data == 7).all()


NAMED = """layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 3 }} }} }}
layer {{ name: "{0}" type: "InnerProduct" bottom: "data" top: "one" inner_product_param {{ num_output: 3
  weight_filler {{ type: "gaussian" std: 1 }} }} }}
layer {{ name: "{1}" type: "InnerProduct" bottom: "one" top: "two" inner_product_param {{ num_output: 3
  weight_filler {{ type: "gaussian" std: 1 }} }} }}
"""


@pytest.mark.parametrize(
    ("layers", "modules"),
    [
        (("half", "inputs"), ["half_", "inputs_"]),
        (("forward", "training"), ["forward_", "training_"]),
        (("_modules", "_schedule"), ["_modules_", "_schedule_"]),
        (("a.b", "a_b"), ["a_b", "a_b_"]),
        (("", "fc"), ["_", "fc"]),
        (("conv1/3x3", "parameters"), ["conv1/3x3", "parameters_"]),
    ],
)
def test_names_that_are_taken_get_an_underscore(tmp_path, layers, modules):
    net = small.net(tmp_path, NAMED.format(*layers))
    module = export.module(net, outputs=["two"])
    assert [name for name, _ in module.named_children()] == modules
    x = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    np.testing.assert_allclose(
        module(torch.from_numpy(x)).detach(), small.forward(net, "two", data=x), rtol=1e-5, atol=1e-6
    )
    assert set(module.state_dict()) == {f"{name}.{part}" for name in modules for part in ("weight", "bias")}


def test_train_turns_dropout_and_batch_statistics_on(tmp_path):
    module = export.module(small.net(tmp_path), outputs=["fc"])
    x = torch.from_numpy(small.images(4, 3, 12, 13))
    assert torch.equal(module(x), module(x))
    module.train()
    assert not torch.equal(module(x), module(x))
    module = export.module(wide(tmp_path)).train()
    x = torch.randn(2, 3, 11, 9)
    convolved = module._modules["conv_1"]([x])[0]
    module(x)
    # The fraction 0.999 that Caffe's moving average keeps.
    expected = 0.1 / 1.5 * 0.999 + 0.001 * convolved.mean(dim=(0, 2, 3))
    torch.testing.assert_close(module.bn.running_mean, expected)


def test_fine_tuning_changes_what_it_gives(tmp_path):
    module = export.module(wide(tmp_path)).train()
    x, target = torch.randn(8, 3, 11, 9), torch.rand(8, 5)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy(module(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_torch_export_and_compile_give_the_same(tmp_path):
    module = export.module(wide(tmp_path))
    x = torch.randn(2, 3, 11, 9)
    expected = module(x)
    torch.testing.assert_close(torch.export.export(module, (x,)).module()(x), expected)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected)


def test_shared_parameters_are_one(tmp_path):
    layer = """layer {{ name: "{0}" type: "InnerProduct" bottom: "data" top: "{0}" param {{ name: "w" }}
      param {{ name: "b" }} inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}"""
    text = small.NET.splitlines()[1] + layer.format("one") + layer.format("two")
    module = export.module(small.net(tmp_path, text))
    assert module.one.weight is module.two.weight and len(list(module.parameters())) == 2


def test_the_state_as_safetensors(tmp_path):
    net = wide(tmp_path)
    export.safetensors(net, tmp_path / "net.safetensors")
    state = safetensors.torch.load_file(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(state["conv_1.weight"], net.params["conv.1"][0].data)
    other = export.module(small.net(tmp_path, WIDE))
    other.load_state_dict(state)
    x = torch.randn(2, 3, 11, 9)
    torch.testing.assert_close(other(x), export.module(net)(x))


def test_a_layer_that_is_no_function_is_named(tmp_path):
    label = 'layer { name: "l" type: "Input" top: "l" input_param { shape { dim: 4 } } }'
    loss = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "l" top: "loss" }'
    net = small.net(tmp_path, small.NET.replace('layer { name: "prob"', label + 'layer { name: "prob"') + loss)
    with pytest.raises(caffe.CaffeError, match=r"'loss' \(SoftmaxWithLoss\)"):
        export.module(net)
    assert export.module(net, outputs=["prob"]).inputs == ["data"]
    with pytest.raises(caffe.CaffeError, match="1 inputs"):
        export.module(net, outputs=["prob"])()


@pytest.mark.parametrize("fields", ["scale_train: false", "scale_train: true"])
def test_dropout_scales_where_the_net_does(tmp_path, fields):
    fields = f"dropout_ratio: 0.4 {fields}"
    text = small.NET.splitlines()[1]
    text += f'layer {{ name: "d" type: "Dropout" bottom: "data" top: "d" dropout_param {{ {fields} }} }}'
    net = small.net(tmp_path, text)
    module, x = export.module(net), small.images(4, 3, 12, 13)
    np.testing.assert_array_equal(module(torch.from_numpy(x)).numpy(), small.forward(net, "d", data=x))
    drawn = module.train()(torch.from_numpy(x)).numpy()
    kept = drawn != 0
    assert 0.5 < kept.mean() < 0.7
    np.testing.assert_allclose(drawn[kept], x[kept] * (1 if "false" in fields else 1 / 0.6), rtol=1e-6)


def test_dropout_that_samples_in_test_draws_in_the_module_too(tmp_path):
    text = small.NET.splitlines()[1]
    text += 'layer { name: "d" type: "Dropout" bottom: "data" top: "d" dropout_param { sample_weights_test: true } }'
    drawn = export.module(small.net(tmp_path, text))(torch.ones(4, 3, 12, 13)).numpy()
    assert 0.4 < (drawn == 2).mean() < 0.6 and ((drawn == 0) | (drawn == 2)).all()
