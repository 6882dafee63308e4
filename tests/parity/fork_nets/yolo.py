"""YOLO v2 on Darknet-19 (Redmon 2016), in the form of MobileNet-YOLO's deploy nets."""

from __future__ import annotations

from fork_nets.text import NetText

CLASSES = 20
#: Widths and heights in cells, published for VOC.
ANCHORS = (1.3221, 1.73145, 3.19275, 4.00944, 5.05587, 8.09892, 9.47112, 4.84053, 11.2364, 10.0071)


def yolo_v2(width: float = 1) -> str:
    net = NetText(width)

    def convolved(name: str, bottom: str, outputs: int, kernel: int = 3) -> str:
        blob = net.convolution(name, bottom, net.channels(outputs), kernel, bias=False)
        net.batch_norm(blob, relu=False)
        return net.relu(blob, "relu_param { negative_slope: 0.1 }")

    blob, number = "data", 0
    for outputs, kernels in ((32, [3]), (64, [3]), (128, [3, 1, 3]), (256, [3, 1, 3]), (512, [3, 1, 3, 1, 3]),
                             (1024, [3, 1, 3, 1, 3])):  # fmt: skip
        if number:
            blob = net.pool(f"pool{number}", blob, 2, 2)
        for kernel in kernels:
            number += 1
            blob = convolved(f"conv{number}", blob, outputs if kernel == 3 else outputs // 2, kernel)
    for number in (19, 20):
        blob = convolved(f"conv{number}", blob, 1024)
    fine = net.layer("Reorg", "reorg", convolved("conv21", "conv13", 64, 1), "reorg_param { stride: 2 }")
    blob = convolved("conv22", net.layer("Concat", "concat", [fine, blob]), 1024)
    net.convolution("conv23", blob, (5 + CLASSES) * 5, 1)
    biases = " ".join(f"biases: {value}" for value in ANCHORS)
    net.layer("YoloDetectionOutput", "detection_out", "conv23", f"yolo_detection_output_param {{ num_classes: {CLASSES}"
              f" num_box: 5 confidence_threshold: 0.2 nms_threshold: 0.45 {biases} }}")  # fmt: skip
    return str(net)
