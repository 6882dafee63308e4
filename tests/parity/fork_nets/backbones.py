"""Trunks that several nets share: VGG-16, ResNet-50, MobileNet."""

from __future__ import annotations

from collections.abc import Callable

from fork_nets.text import NetText


def vgg16(net: NetText, last_pool: bool = False) -> str:
    """Thirteen convolutions of 3 x 3 in five groups, a pooling behind each of the first four (Simonyan 2014, D)."""
    blob = "data"
    for group, (count, outputs) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for i in range(1, count + 1):
            blob = net.relu(net.convolution(f"conv{group}_{i}", blob, net.channels(outputs)))
        if group < 5 or last_pool:
            blob = net.pool(f"pool{group}", blob, 2, 2)
    return blob


def resnet50(
    net: NetText, last_stride: int = 2, squeeze: Callable[[str, str, int], str] | None = None, until: int = 5
) -> str:
    """Bottleneck blocks 3, 4, 6, 3 (He 2015); ``last_stride`` 1 dilates the last stage instead, as R-FCN does.

    ``squeeze(name, blob, channels)`` gives the factors of SENet, one per channel, by which a block's blob is scaled.
    """
    blob = net.batch_norm(net.convolution("conv1", "data", net.channels(64), 7, 2, bias=False))
    blob = net.pool("pool1", blob, 3, 2)
    for stage, (blocks, inner) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        if stage > until:
            break
        stride = 1 if stage == 2 else last_stride if stage == 5 else 2
        dilation = 2 if stage == 5 and last_stride == 1 else 1
        for i in range(blocks):
            blob = _bottleneck(net, f"res{stage}{'abcdef'[i]}", blob, inner, stride if i == 0 else 1, dilation, i == 0,
                               squeeze)  # fmt: skip
    return blob


def _bottleneck(
    net: NetText, name: str, bottom: str, inner: int, stride: int, dilation: int, project: bool,
    squeeze: Callable[[str, str, int], str] | None,
) -> str:  # fmt: skip
    outer = 4 * net.channels(inner)
    shortcut = bottom
    if project:
        shortcut = net.convolution(f"{name}_branch1", bottom, outer, 1, stride, bias=False)
        net.batch_norm(shortcut, relu=False)
    blob = net.batch_norm(net.convolution(f"{name}_branch2a", bottom, net.channels(inner), 1, stride, bias=False))
    blob = net.batch_norm(
        net.convolution(f"{name}_branch2b", blob, net.channels(inner), 3, dilation=dilation, bias=False)
    )
    blob = net.batch_norm(net.convolution(f"{name}_branch2c", blob, outer, 1, bias=False), relu=False)
    if squeeze is None:
        net.layer("Eltwise", name, [shortcut, blob])
    else:
        net.layer("Axpy", name, [squeeze(name, blob, outer), blob, shortcut])
    return net.relu(name)


def mobilenet(net: NetText, depthwise: str = "Convolution") -> str:
    """A convolution, then thirteen pairs of a depthwise and a 1 x 1 convolution (Howard 2017); conv0 to conv13."""
    channels = net.channels(32)
    blob = net.batch_norm(net.convolution("conv0", "data", channels, 3, 2, bias=False))
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for i, (outputs, stride) in enumerate(plan, 1):
        group = channels if depthwise == "Convolution" else 1
        name = f"conv{i}/dw"
        blob = net.convolution(name, blob, channels, 3, stride, group=group, bias=False, kind=depthwise)
        net.batch_norm(blob)
        channels = net.channels(outputs)
        blob = net.batch_norm(net.convolution(f"conv{i}", blob, channels, 1, bias=False))
    return blob
