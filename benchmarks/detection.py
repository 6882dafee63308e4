#!/usr/bin/env python3
"""How well does a small SSD find drawn garments? Trained by `caffe-torch train` on one core, with SSD's own layers.

Garments of the sample shop's drawer lie on drawn backgrounds, 64 x 64 pixels, one or two a picture; their boxes are
those of their masks. Two classes: what is worn on the legs (trousers, skirts) and everything else. The mean average
precision at an overlap of 0.5 is measured on held-out pictures, by the solver's eval_type detection.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import lmdb
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "python"))

from caffe_torch.proto import caffe_pb2  # noqa: E402
from multiweight.datasets.sample_shop import catalog, garments, photos  # noqa: E402

SIDE = 64


def picture(
    products: list[catalog.Product], rng: np.random.RandomState
) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """(uint8 (64, 64, 3), (class, corners 0..1) of every garment on it)."""
    image = photos.background(SIDE, rng)
    boxes: list[tuple[int, np.ndarray]] = []
    taken = np.zeros((SIDE, SIDE), bool)
    for _ in range(rng.randint(1, 3)):
        product = products[rng.randint(len(products))]
        cloth, mask = garments.draw(product, rng)
        left, top, wide, high = cv2.boundingRect(mask)
        scale = rng.uniform(24, 46) / max(wide, high)
        size = (max(int(wide * scale), 4), max(int(high * scale), 4))
        cloth = cv2.resize(cloth[top : top + high, left : left + wide], size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(mask[top : top + high, left : left + wide], size, interpolation=cv2.INTER_AREA) / 255.0
        x, y = rng.randint(0, SIDE - size[0] + 1), rng.randint(0, SIDE - size[1] + 1)
        window = np.s_[y : y + size[1], x : x + size[0]]
        if taken[window].mean() > 0.1:
            continue
        taken[window] = True
        image[window] += (cloth - image[window]) * alpha[:, :, None].astype(np.float32)
        label = 1 if product.labels["Garment"] in catalog.BOTTOMS else 2
        boxes.append((label, np.array([x, y, x + size[0], y + size[1]]) / SIDE))
    return np.clip(image, 0, 255).astype(np.uint8), boxes


def write(path: Path, count: int, seed: int) -> None:
    """A database of AnnotatedDatum."""
    rng, products = np.random.RandomState(seed), catalog.products(200, seed)
    with lmdb.open(str(path), map_size=1 << 30) as store, store.begin(write=True) as writer:
        for number in range(count):
            image, boxes = picture(products, rng)
            record = caffe_pb2.AnnotatedDatum(type=caffe_pb2.AnnotatedDatum.BBOX)
            record.datum.channels, record.datum.height, record.datum.width = 3, SIDE, SIDE
            record.datum.data = image.transpose(2, 0, 1).tobytes()
            for label, corners in boxes:
                box = record.annotation_group.add(group_label=label).annotation.add().bbox
                box.xmin, box.ymin, box.xmax, box.ymax = corners
            writer.put(b"%08d" % number, record.SerializeToString())


def convolution(name: str, bottom: str, outputs: int, stride: int = 1, activated: bool = True) -> str:
    filler = "msra" if activated else "xavier"
    text = f"""layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" convolution_param {{
  num_output: {outputs} kernel_size: 3 pad: 1 stride: {stride} weight_filler {{ type: "{filler}" }} }} }}
"""
    return text + (
        f'layer {{ name: "{name}_relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n' if activated else ""
    )


def net(folder: Path, batch: int) -> str:
    """Five convolutions and two maps of priors, 8 x 8 and 4 x 4."""
    transform = "mean_value: 128 scale: 0.015"
    text = f"""layer {{ name: "data" type: "AnnotatedData" top: "data" top: "label" include {{ phase: TRAIN }}
  data_param {{ source: "{folder}/train" backend: LMDB batch_size: {batch} }}
  transform_param {{ {transform} mirror: true resize_param {{ height: {SIDE} width: {SIDE} }}
    emit_constraint {{ emit_type: CENTER }} distort_param {{ brightness_prob: 0.5 brightness_delta: 16 }} }}
  annotated_data_param {{ batch_sampler {{ max_sample: 1 max_trials: 1 }} batch_sampler {{
    sampler {{ min_scale: 0.7 max_scale: 1 min_aspect_ratio: 0.8 max_aspect_ratio: 1.25 }}
    sample_constraint {{ min_object_coverage: 0.9 }} max_sample: 1 max_trials: 10 }} }} }}
layer {{ name: "data" type: "AnnotatedData" top: "data" top: "label" include {{ phase: TEST }}
  data_param {{ source: "{folder}/test" backend: LMDB batch_size: 20 }} transform_param {{ {transform} }} }}
"""
    below = "data"
    for name, outputs, stride in (("c1", 16, 2), ("c2", 32, 2), ("c3", 48, 2), ("c4", 64, 1), ("c5", 64, 2)):
        text += convolution(name, below, outputs, stride)
        below = name
    heads: dict[str, list[str]] = {"loc": [], "conf": [], "prior": []}
    for name, low, high in (("c4", 20, 30), ("c5", 32, 46)):
        for kind, outputs in (("loc", 4 * 4), ("conf", 4 * 3)):
            head = f"{name}_{kind}"
            text += convolution(head, name, outputs, activated=False)
            text += f"""layer {{ name: "{head}_perm" type: "Permute" bottom: "{head}" top: "{head}_perm"
  permute_param {{ order: 0 order: 2 order: 3 order: 1 }} }}
layer {{ name: "{head}_flat" type: "Flatten" bottom: "{head}_perm" top: "{head}_flat" }}
"""
            heads[kind].append(f"{head}_flat")
        text += f"""layer {{ name: "{name}_prior" type: "PriorBox" bottom: "{name}" bottom: "data" top: "{name}_prior"
  prior_box_param {{ min_size: {low} max_size: {high} aspect_ratio: 2 flip: true clip: false
    variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }} }}
"""
        heads["prior"].append(f"{name}_prior")
    for kind, axis in (("loc", 1), ("conf", 1), ("prior", 2)):
        bottoms = " ".join(f'bottom: "{bottom}"' for bottom in heads[kind])
        text += f'layer {{ name: "{kind}" type: "Concat" {bottoms} top: "{kind}" concat_param {{ axis: {axis} }} }}\n'
    return (
        text
        + """layer { name: "loss" type: "MultiBoxLoss" bottom: "loc" bottom: "conf" bottom: "prior" bottom: "label"
  top: "loss" include { phase: TRAIN } propagate_down: true propagate_down: true propagate_down: false
  propagate_down: false loss_param { normalization: VALID } multibox_loss_param { num_classes: 3
    code_type: CENTER_SIZE neg_pos_ratio: 3 neg_overlap: 0.5 } }
layer { name: "scores" type: "Reshape" bottom: "conf" top: "scores" include { phase: TEST }
  reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "softmax" type: "Softmax" bottom: "scores" top: "softmax" include { phase: TEST }
  softmax_param { axis: 2 } }
layer { name: "flat" type: "Flatten" bottom: "softmax" top: "flat" include { phase: TEST } }
layer { name: "found" type: "DetectionOutput" bottom: "loc" bottom: "flat" bottom: "prior" top: "found"
  include { phase: TEST } detection_output_param { num_classes: 3 code_type: CENTER_SIZE keep_top_k: 50
    confidence_threshold: 0.05 nms_param { nms_threshold: 0.45 top_k: 100 } } }
layer { name: "eval" type: "DetectionEvaluate" bottom: "found" bottom: "label" top: "eval" include { phase: TEST }
  detection_evaluate_param { num_classes: 3 overlap_threshold: 0.5 } }
"""
    )


def prepare(folder: Path, iterations: int, training: int, batch: int = 32) -> Path:
    """Databases, net and solver in ``folder``; the solver's path."""
    write(folder / "train", training, seed=1)
    write(folder / "test", 200, seed=2)
    (folder / "net.prototxt").write_text(net(folder, batch))
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/net.prototxt" type: "Adam" base_lr: 0.001 momentum: 0.9 momentum2: 0.999 '
        f'lr_policy: "multistep" gamma: 0.2 stepvalue: {iterations * 3 // 4} max_iter: {iterations} '
        f"display: {max(iterations // 10, 1)} "
        f'test_iter: 10 test_interval: {iterations} test_initialization: false eval_type: "detection" '
        f'ap_version: "11point" snapshot_prefix: "{folder}/ssd" random_seed: 1 solver_mode: CPU\n'
    )
    return folder / "solver.prototxt"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=1400)
    parser.add_argument("--pictures", type=int, default=2000, help="pictures to train on")
    parser.add_argument("--least", type=float, default=0.8, help="status 1 below this mean average precision")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        solver = prepare(Path(folder), args.iterations, args.pictures)
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "caffe_torch", "train", f"--solver={solver}"], text=True, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "OMP_NUM_THREADS": "1"}, check=False,
        )  # fmt: skip
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
        return done.returncode
    losses = re.findall(r"Iteration (\d+) .*loss = (\S+)", done.stderr)
    precision = float(re.findall(r"Test net output #0: eval = (\S+)", done.stderr)[-1])
    print(f"loss {losses[0][1]} at iteration {losses[0][0]}, {losses[-1][1]} at {losses[-1][0]}")
    print(f"mAP at 0.5 on 200 held-out pictures: {precision:.3f} after {args.iterations} iterations, "
          f"{time.monotonic() - begun:.0f} s on one core")  # fmt: skip
    return int(precision < args.least)


if __name__ == "__main__":
    sys.exit(main())
