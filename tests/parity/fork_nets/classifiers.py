"""MobileNet (Howard 2017), ShuffleNet (Zhang 2017), SE-ResNet-50 (Hu 2017) and DenseNet-121 (Huang 2016)."""

from __future__ import annotations

from fork_nets import backbones
from fork_nets.text import NetText

CLASSES = 1000


def mobilenet(width: float = 1) -> str:
    net = NetText(width)
    net.pool("pool6", backbones.mobilenet(net, "DepthwiseConvolution"), kind="AVE")
    net.softmax("prob", net.convolution("fc7", "pool6", CLASSES, 1))
    return str(net)


def shufflenet(width: float = 1, group: int = 3) -> str:
    """1x with three groups: stages of 240, 480 and 960 channels in 4, 8 and 4 units."""
    net = NetText(width, multiple=24)
    channels = net.channels(24)
    blob = net.batch_norm(net.convolution("conv1", "data", channels, 3, 2, bias=False))
    blob = net.pool("pool1", blob, 3, 2)
    for stage, (outputs, units) in enumerate(((240, 4), (480, 8), (960, 4)), 2):
        outputs = net.channels(outputs)
        for i in range(units):
            name, first = f"stage{stage}_{i + 1}", i == 0
            inner, wanted = outputs // 4, outputs - channels if first else outputs
            # The first layer of all has few channels, and no groups.
            own = 1 if stage == 2 and first else group
            a = net.batch_norm(net.convolution(f"{name}_a", blob, inner, 1, group=own, bias=False))
            a = net.layer("ShuffleChannel", f"{name}_shuffle", a, f"shuffle_channel_param {{ group: {group} }}")
            a = net.convolution(f"{name}_dw", a, inner, 3, 2 if first else 1, bias=False, kind="ConvolutionDepthwise")
            net.batch_norm(a, relu=False)
            a = net.convolution(f"{name}_b", a, wanted, 1, group=group, bias=False)
            net.batch_norm(a, relu=False)
            if first:
                beside = net.pool(f"{name}_pool", blob, 3, 2, kind="AVE")
                net.layer("Concat", name, [beside, a])
            else:
                net.layer("Eltwise", name, [blob, a])
            blob = net.relu(name)
        channels = outputs
    net.softmax("prob", net.inner_product("fc1000", net.pool("pool_ave", blob, kind="AVE"), CLASSES))
    return str(net)


def se_resnet50(width: float = 1) -> str:
    net = NetText(width)

    def squeeze(name: str, blob: str, channels: int) -> str:
        mean = net.pool(f"{name}_global_pool", blob, kind="AVE")
        down = net.relu(net.convolution(f"{name}_1x1_down", mean, max(channels // 16, 1), 1))
        return net.in_place("Sigmoid", f"{name}_prob", net.convolution(f"{name}_1x1_up", down, channels, 1))

    blob = net.pool("pool5", backbones.resnet50(net, squeeze=squeeze), kind="AVE")
    net.softmax("prob", net.inner_product("classifier", blob, CLASSES))
    return str(net)


def densenet121(width: float = 1) -> str:
    """Dense blocks of 6, 12, 24 and 16 layers that add 32 channels each; poolings round down."""
    net, growth = NetText(width), 32
    growth, channels = net.channels(growth), net.channels(64)
    blob = net.batch_norm(net.convolution("conv1", "data", channels, 7, 2, bias=False))
    blob = net.pool("pool1", blob, 3, 2, 1, more="ceil_mode: false")
    for stage, layers in enumerate((6, 12, 24, 16), 2):
        for i in range(1, layers + 1):
            name = f"conv{stage}_{i}"
            a = _normalised(net, f"{name}/x1", blob)
            a = net.batch_norm(net.convolution(f"{name}/x1/conv", a, 4 * growth, 1, bias=False))
            a = net.convolution(f"{name}/x2/conv", a, growth, bias=False)
            blob = net.layer("Concat", f"concat_{stage}_{i}", [blob, a])
            channels += growth
        blob = _normalised(net, f"conv{stage}_blk", blob)
        if stage < 5:
            channels //= 2
            blob = net.convolution(f"conv{stage}_blk/conv", blob, channels, 1, bias=False)
            blob = net.pool(f"pool{stage}", blob, 2, 2, kind="AVE", more="ceil_mode: false")
    net.softmax("prob", net.convolution("fc6", net.pool("pool5", blob, kind="AVE"), CLASSES, 1))
    return str(net)


def _normalised(net: NetText, name: str, bottom: str) -> str:
    """BatchNorm into a blob of its own: the bottom goes on to other layers."""
    net.layer("BatchNorm", name, bottom)
    net.in_place("Scale", f"{name}/scale", name, "scale_param { bias_term: true }")
    return net.relu(name)
