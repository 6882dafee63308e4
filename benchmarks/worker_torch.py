"""AlexNet with 830 sigmoid outputs and its training loop, in PyTorch as one writes it by hand; driven by worker_caffe.

python worker_torch.py BATCH [DEVICE [PRECISION]]
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor, nn
from worker_caffe import serve


def alexnet(outputs: int = 830, units: int = 4096) -> nn.Sequential:
    """The layers of prototxt/: convolution, ReLU, LRN, pooling in the paper's order, two groups, dropout."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(inplace=True),
        nn.LocalResponseNorm(5, 1e-4, 0.75), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True),
        nn.LocalResponseNorm(5, 1e-4, 0.75), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Flatten(), nn.Linear(256 * 6 * 6, units), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.Linear(units, units), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(units, outputs),
    )  # fmt: skip


def main(batch: str, device: str = "cpu", precision: str = "fp32") -> None:
    where = torch.device(device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True
    model = alexnet().to(where)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    images = torch.randn(int(batch), 3, 224, 224, device=where) * 50
    labels = torch.randint(0, 2, (int(batch), 830), device=where).float()
    criterion = nn.BCEWithLogitsLoss(reduction="sum")

    def loss() -> Tensor:
        with torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16"):
            return criterion(model(images), labels) / len(images)

    def step() -> None:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        value.item()  # as the loop prints it, or looks whether it is finite

    def forward() -> None:
        with torch.no_grad():
            loss().item()

    serve({"step": step, "forward": forward}, torch.accelerator.synchronize if where.type != "cpu" else lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
