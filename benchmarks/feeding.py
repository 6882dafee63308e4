#!/usr/bin/env python3
"""What does reading batches from an LMDB, of raw and of JPEG datums, cost a training step over no reading at all?

Writes two LMDBs of drawn photos in a temporary folder and trains the paper's AlexNet on each, cropped, mirrored and
mean-subtracted as in prototxt/, in turn with the same net on DummyData.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import common
import cv2
import lmdb
import numpy as np

from caffe_torch.proto import caffe_pb2

LABELS = 830


def photo(random: np.random.Generator, size: int = 256) -> np.ndarray:
    """(height, width, 3) uint8 with shapes, shades and grain; a JPEG of it is about as large as a shop photo's."""
    image = cv2.resize(random.integers(0, 256, (9, 9, 3)).astype(np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        centre, color = random.integers(0, size, 2).tolist(), random.integers(0, 256, 3).tolist()
        cv2.circle(image, centre, int(random.integers(5, 60)), color, -1)
    grain = random.normal(0, 6, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def write_databases(folder: Path, records: int) -> dict[str, float]:
    """raw, jpeg and label LMDBs of ``records`` records and mean.binaryproto; KiB a record by database."""
    random = np.random.default_rng(1)
    sizes = {}
    mean = caffe_pb2.BlobProto(data=np.full(3 * 256 * 256, 120, np.float32))
    mean.shape.dim.extend((1, 3, 256, 256))
    (folder / "mean.binaryproto").write_bytes(mean.SerializeToString())
    datums: dict[str, list[bytes]] = {"raw": [], "jpeg": [], "label": []}
    for _ in range(records):
        image = photo(random)
        raw = caffe_pb2.Datum(channels=3, height=256, width=256, data=image.transpose(2, 0, 1).tobytes())
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        jpeg = caffe_pb2.Datum(channels=3, height=256, width=256, data=encoded, encoded=True)
        vector = random.integers(0, 2, LABELS, np.uint8).tobytes()
        label = caffe_pb2.Datum(channels=LABELS, height=1, width=1, data=vector)
        for name, datum in (("raw", raw), ("jpeg", jpeg), ("label", label)):
            datums[name].append(datum.SerializeToString())
    for name, values in datums.items():
        environment = lmdb.open(str(folder / name), map_size=2 * sum(map(len, values)) + (1 << 24))
        with environment.begin(write=True) as transaction:
            for i, value in enumerate(values):
                transaction.put(f"{i:08d}".encode(), value)
        environment.close()
        sizes[name] = sum(map(len, values)) / len(values) / 1024
    return sizes


def data_layers(folder: Path, images: str, batch: int) -> str:
    """Two Data layers on the databases of ``folder``, transformed as in prototxt/."""
    transform = f'mirror: true crop_size: 224 mean_file: "{folder / "mean.binaryproto"}"'
    return "".join(
        f'layer {{ name: "{top}" type: "Data" top: "{top}" transform_param {{ {text} }} '
        f'data_param {{ source: "{folder / name}" backend: LMDB batch_size: {batch} }} }}\n'
        for top, name, text in (("data", images, transform), ("label", "label", ""))
    )


def dummy_layers(batch: int) -> str:
    """The same blobs, filled once."""
    return "".join(
        f'layer {{ name: "{top}" type: "DummyData" top: "{top}" dummy_data_param {{ '
        f'shape {{ {dims} }} data_filler {{ type: "constant" value: {value} }} }} }}\n'
        for top, value, dims in (
            ("data", 10, f"dim: {batch} dim: 3 dim: 224 dim: 224"),
            ("label", 1, f"dim: {batch} dim: {LABELS}"),
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=common.positive, default=2, help="threads of every worker (2)")
    parser.add_argument(
        "--steps", type=common.positive, default=6, help="steps in a row a round: more than batches wait ready (4)"
    )
    numbers = {
        "--batch": (64, 16, "images per step"),
        "--rounds": (7, 3, "rounds, sources in turn"),
        "--records": (512, 64, "records of each database"),
    }
    args = common.parse(parser, numbers)
    batch, rounds, records = args.batch, args.rounds, args.records
    print(f"AlexNet of prototxt/multi_label, batch {batch}, float32, {args.threads} thread(s)\n{common.machine()}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="feeding-")))
        sizes = write_databases(folder, records)
        print(f"{records} records of {sizes['raw']:.0f} KiB raw, {sizes['jpeg']:.0f} KiB as JPEG")
        net = common.read_net("multi_label")
        sources = {
            "DummyData": dummy_layers(batch),
            "LMDB raw": data_layers(folder, "raw", batch),
            "LMDB JPEG": data_layers(folder, "jpeg", batch),
        }
        workers = []
        for name, layers in sources.items():
            workers.append(common.ours(folder, common.with_data(net, layers), args.threads, name))
            stack.callback(workers[-1].close)
        seconds = common.interleave(workers, "step", rounds, args.steps)
        print(f"\ntraining step: median (least to most) of {rounds} rounds of {args.steps} steps, sources in turn")
        for name, values in seconds.items():
            print(f"  {name:16} {common.Spread.of(values):.3f} s")
        for name in list(sources)[1:]:
            cost = [100 * (ratio - 1) for ratio in common.ratios(seconds[name], seconds["DummyData"])]
            print(f"  {name} costs over DummyData: {common.Spread.of(cost):.1f} %")
    return 0


if __name__ == "__main__":
    common.run(main)
