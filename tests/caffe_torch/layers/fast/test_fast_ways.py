"""Every fast way computes what its plain layer means: outputs, gradients of bottoms and of parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import OneLayer, normal

import caffe_torch as caffe
from caffe_torch.blob.blob import Blob
from caffe_torch.layers import base
from caffe_torch.layers.base import FAST, REGISTRY
from caffe_torch.layers.convolution import Convolution, Deconvolution
from caffe_torch.layers.fast import convolution, fourier, images
from caffe_torch.layers.fork.depthwise import DepthwiseConvolution
from caffe_torch.layers.lrn import LRN
from caffe_torch.layers.pooling import Pooling

quick = settings(max_examples=25, deadline=None, derandomize=True)
sizes = st.integers(1, 9)


def test_each_fast_way_has_its_plain_one_below_it():
    assert set(FAST) == {LRN, Pooling, Convolution, Deconvolution, DepthwiseConvolution}
    assert all(issubclass(fast, plain) and plain in REGISTRY.values() for plain, fast in FAST.items())


def pair(text: str, *bottoms: np.ndarray, channels_last: bool = False) -> tuple[OneLayer, OneLayer]:
    """The layer in its fast form and in its plain one, with the same parameters."""
    fast = OneLayer(text, *bottoms)
    plain = OneLayer(text, *bottoms, make=lambda param, phase: REGISTRY[param.type](param, phase))
    assert type(fast.layer) is FAST[type(plain.layer)]
    for mine, theirs in zip(plain.params, fast.params):
        mine[...] = theirs
    if channels_last:  # in a blob that nobody has seen, as a layer above leaves it
        fast.bottoms = [Blob(*b.shape) for b in bottoms]
        for blob, values in zip(fast.bottoms, bottoms):
            blob.assign(torch.from_numpy(values).contiguous(memory_format=torch.channels_last))
    return fast, plain


def check(fast: OneLayer, plain: OneLayer, tolerance: float = 1e-5) -> None:
    """Twice, as the second time memory is used again."""
    for seed in (1, 2):
        assert_close(fast.forward(), plain.forward(), tolerance)
        dy = [normal(*blob.shape, seed=seed) for blob in plain.tops]
        for result, expected in zip(fast.backward(*dy), plain.backward(*dy)):
            assert_close(result, expected, tolerance)
        for mine, theirs in zip(fast.layer.blobs, plain.layer.blobs):
            assert_close(mine.diff, theirs.diff, tolerance)


def assert_close(values: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert values.shape == expected.shape
    scale = max(float(np.abs(expected).max(initial=0)), 1e-6)
    assert np.abs(values - expected).max(initial=0) <= tolerance * scale


@quick
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 12), sizes, sizes),
    half=st.integers(0, 4),
    beta=st.sampled_from([0.75, 0.5, 1.0]),
    k=st.sampled_from([1.0, 2.0]),
    region=st.sampled_from(["ACROSS_CHANNELS", "WITHIN_CHANNEL"]),
    last=st.booleans(),
)
def test_lrn(shape, half, beta, k, region, last):
    text = f"local_size: {2 * half + 1} alpha: 0.7 beta: {beta} k: {k} norm_region: {region}"
    check(*pair(f'type: "LRN" lrn_param {{ {text} }}', normal(*shape), channels_last=last))


@quick
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(3, 9), st.integers(3, 9)),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    pad=st.integers(0, 2),
    pool=st.sampled_from(["MAX", "AVE"]),
    mode=st.sampled_from(["CEIL", "FLOOR"]),
    last=st.booleans(),
)
def test_pooling(shape, kernel, stride, pad, pool, mode, last):
    stride, pad = min(stride, kernel), min(pad, kernel - 1)
    text = f"pool: {pool} kernel_size: {kernel} stride: {stride} pad: {pad} round_mode: {mode}"
    x = np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)  # no equals
    check(*pair(f'type: "Pooling" pooling_param {{ {text} }}', x, channels_last=last))


def test_of_equal_values_both_take_the_first():
    fast, plain = pair('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 }', np.ones((2, 3, 7, 7), np.float32))
    check(fast, plain, 0)


@quick
@given(
    kind=st.sampled_from(["Convolution", "Deconvolution"]),
    group=st.integers(1, 2),
    images_=st.integers(1, 4),
    size=st.tuples(st.integers(5, 8), st.integers(5, 8)),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    pad=st.integers(0, 1),
    dilation=st.integers(1, 2),
    bias=st.sampled_from(["true", "false"]),
    last=st.booleans(),
)
def test_convolutions(kind, group, images_, size, kernel, stride, pad, dilation, bias, last):
    pad = min(pad, (kernel - 1) * dilation // 2)
    text = (
        f"num_output: {3 * group} group: {group} kernel_size: {kernel} stride: {stride} pad: {pad} "
        f'dilation: {dilation} bias_term: {bias} weight_filler {{ type: "gaussian" std: 1 }} '
        'bias_filler { type: "gaussian" std: 1 }'
    )
    check(
        *pair(f'type: "{kind}" convolution_param {{ {text} }}', normal(images_, 2 * group, *size), channels_last=last)
    )


def test_depthwise_convolution():
    text = 'num_output: 6 kernel_size: 3 pad: 1 weight_filler { type: "gaussian" std: 1 }'
    check(*pair(f'type: "DepthwiseConvolution" convolution_param {{ {text} }}', normal(2, 3, 5, 6)))


@pytest.mark.parametrize("bottoms", [[(2, 3, 7)], [(2, 3, 5, 4, 6)], [(2, 3)], [(2, 3, 6, 6), (2, 3, 6, 6)]])
def test_other_axes_and_several_bottoms(bottoms):
    kernel = "" if len(bottoms[0]) == 2 else "kernel_size: 2"
    text = f'num_output: 4 {kernel} weight_filler {{ type: "gaussian" std: 1 }}'
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(bottoms)]
    fast = OneLayer(f'type: "Convolution" convolution_param {{ {text} }}', *arrays, tops=len(arrays))
    plain = OneLayer(
        f'type: "Convolution" convolution_param {{ {text} }}', *arrays, tops=len(arrays),
        make=lambda param, phase: Convolution(param, phase),
    )  # fmt: skip
    for mine, theirs in zip(plain.params, fast.params):
        mine[...] = theirs
    check(fast, plain)


def test_by_way_of_the_fourier_transform(monkeypatch):
    monkeypatch.setattr(fourier, "worthwhile", lambda *shapes: True)
    text = 'num_output: 4 group: 2 kernel_size: 3 pad: 1 weight_filler { type: "gaussian" std: 1 }'
    fast, plain = pair(f'type: "Convolution" convolution_param {{ {text} }}', normal(3, 4, 6, 7))
    check(fast, plain)
    assert isinstance(fast.layer._plan[1], fourier.FourierConvolution)


def test_in_several_parts(monkeypatch):
    monkeypatch.setattr(convolution, "_PART", 1)
    monkeypatch.setattr(images.batch_slices, "__defaults__", (1,))
    for text in (
        'type: "LRN" lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }',
        'type: "Pooling" pooling_param { kernel_size: 3 stride: 2 }',
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } }',
    ):
        check(*pair(text, normal(5, 6, 7, 7)))


NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 dim: 15 dim: 15 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "conv"
        convolution_param { num_output: 8 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 } }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool" top: "conv2"
        convolution_param { num_output: 8 group: 2 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2" pooling_param { pool: AVE kernel_size: 2 } }
"""


def test_a_net_of_fast_layers_is_a_net_of_plain_ones(tmp_path, monkeypatch):
    """Where deferred content goes from one fast layer to the next, through all of them."""
    (tmp_path / "net.prototxt").write_text(NET)
    results = []
    for fast in (FAST, {}):
        monkeypatch.setattr(base, "FAST", fast)
        caffe.set_random_seed(1)
        net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
        net.blobs["x"].data[...] = normal(4, 3, 15, 15)
        net.forward()
        net.blobs["pool2"].diff[...] = normal(*net.blobs["pool2"].data.shape, seed=2)
        net.backward()
        arrays = {f"{kind} {name}": getattr(b, kind) for name, b in net.blobs.items() for kind in ("data", "diff")}
        arrays.update({f"{name} {i}": b.diff for name, blobs in net.params.items() for i, b in enumerate(blobs)})
        results.append(arrays)
    for name, expected in results[1].items():
        assert_close(results[0][name], expected, 1e-5)
