"""PSPNet50 (Zhao 2016) and SegNet (Badrinarayanan 2015)."""

from __future__ import annotations

from fork_nets.text import NetText


def _bn(net: NetText, blob: str, relu: bool = True) -> str:
    """PSPNet's: running statistics, with a slope and a bias of its own."""
    net.in_place("BN", f"{blob}/bn", blob, "bn_param { slope_filler { value: 1 } bias_filler { value: 0 } frozen: true "
                 "momentum: 0.95 }")  # fmt: skip
    return net.relu(blob) if relu else blob


def pspnet50(width: float = 1, side: int = 473, classes: int = 150) -> str:
    """ResNet-50 whose last stages are dilated, and the pyramid's mean over 1, 4, 9 and 36 parts of its map."""
    net = NetText(width)
    blob = "data"
    for i, (outputs, stride) in enumerate(((64, 2), (64, 1), (128, 1)), 1):
        blob = _bn(net, net.convolution(f"conv1_{i}_3x3", blob, net.channels(outputs), 3, stride, bias=False))
    blob = net.pool("pool1", blob, 3, 2, 1)
    for stage, (blocks, inner) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 2):
        for i in range(1, blocks + 1):
            stride, dilation = 2 if stage == 3 and i == 1 else 1, {4: 2, 5: 4}.get(stage, 1)
            blob = _bottleneck(net, f"conv{stage}_{i}", blob, inner, stride, dilation, i == 1)
    cells = (side - 1) // 8 + 1
    parts = [blob]
    for count in (1, 2, 3, 6):
        size = cells // count
        pooled = net.pool(f"conv5_3_pool{count}", blob, size, size, kind="AVE")
        _bn(net, net.convolution(f"conv5_3_pool{count}_conv", pooled, net.channels(512), 1, bias=False))
        parts.append(
            net.layer("Interp", f"conv5_3_pool{count}_interp", f"conv5_3_pool{count}_conv",
                      f"interp_param {{ height: {cells} width: {cells} }}")
        )  # fmt: skip
    blob = net.layer("Concat", "conv5_3_concat", parts)
    blob = _bn(net, net.convolution("conv5_4", blob, net.channels(512), bias=False))
    net.in_place("Dropout", "conv5_4/drop", blob, "dropout_param { dropout_ratio: 0.1 }")
    net.convolution("conv6", blob, classes, 1)
    net.layer("Interp", "conv6_interp", "conv6", "interp_param { zoom_factor: 8 }")
    return str(net)


def _bottleneck(net: NetText, name: str, bottom: str, inner: int, stride: int, dilation: int, project: bool) -> str:
    outer, shortcut = 4 * net.channels(inner), bottom
    if project:
        shortcut = _bn(net, net.convolution(f"{name}_proj", bottom, outer, 1, stride, bias=False), relu=False)
    blob = _bn(net, net.convolution(f"{name}_reduce", bottom, net.channels(inner), 1, stride, bias=False))
    blob = _bn(net, net.convolution(f"{name}_3x3", blob, net.channels(inner), 3, dilation=dilation, bias=False))
    blob = _bn(net, net.convolution(f"{name}_increase", blob, outer, 1, bias=False), relu=False)
    net.layer("Eltwise", name, [shortcut, blob])
    return net.relu(name)


def segnet(width: float = 1, height: int = 360, wide: int = 480, classes: int = 11) -> str:
    """VGG-16's convolutions down, and up again through the places that the poolings remember."""
    net = NetText(width)

    def convolved(name: str, bottom: str, outputs: int) -> str:
        blob = net.convolution(name, bottom, outputs)
        net.in_place("BN", f"{name}_bn", blob, "bn_param { bn_mode: INFERENCE scale_filler { value: 1 } "
                     "shift_filler { value: 0.001 } }")  # fmt: skip
        return net.relu(blob)

    stages = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
    blob, sizes = "data", [(height, wide)]
    for stage, (count, outputs) in enumerate(stages, 1):
        for i in range(1, count + 1):
            blob = convolved(f"conv{stage}_{i}", blob, net.channels(outputs))
        blob = net.pool(f"pool{stage}", blob, 2, 2, tops=[f"pool{stage}", f"pool{stage}_mask"])
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    for stage in range(5, 0, -1):
        count, outputs = stages[stage - 1]
        rows, columns = sizes[stage - 1]
        blob = net.layer("Upsample", f"upsample{stage}", [blob, f"pool{stage}_mask"],
                         f"upsample_param {{ scale: 2 upsample_h: {rows} upsample_w: {columns} }}")  # fmt: skip
        for i in range(count, 1, -1):
            blob = convolved(f"conv{stage}_{i}_D", blob, net.channels(outputs))
        if stage > 1:
            blob = convolved(f"conv{stage}_1_D", blob, net.channels(stages[stage - 2][1]))
    net.softmax("prob", net.convolution("conv1_1_D", blob, classes))
    return str(net)
