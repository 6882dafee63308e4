#!/usr/bin/env python3
"""build_lmdb (images to LMDBs) against BVLC Caffe's convert_imageset, on synthetic JPEGs; build_lmdb's peak memory.

    python benchmarks/packing.py speed              3,781 photos of 400x533 to 256x256, raw and JPEG; ratios
    python benchmarks/packing.py cores              the same with 1, 2, ... threads
    python benchmarks/packing.py memory 35000       peak memory for so many records of 24x32 to 256x256, JPEG
    python benchmarks/packing.py memory 1000000     the same; above 100,000 records to 8x8, raw

convert_imageset is that of the original Caffe as the tests find it (docs/PARITY.md): of build/original-root, which
`make original-root` makes, of MULTIWEIGHT_ORIGINAL_ROOT, or of MULTIWEIGHT_ORIGINAL_PYTHON.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "python"), str(REPOSITORY / "tests" / "parity")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import original  # noqa: E402  (of tests/parity: where the original Caffe is)

from multiweight.base import done, engine  # noqa: E402
from multiweight.base.cpu import cores  # noqa: E402
from multiweight.base.lmdb_file import items  # noqa: E402
from multiweight.base.paths import Dataset  # noqa: E402
from multiweight.photos.datum import decode  # noqa: E402
from multiweight.records import records  # noqa: E402
from multiweight.records.catalog import Catalog  # noqa: E402
from multiweight.records.records import Record  # noqa: E402

#: Photos, their size, the side to which they are packed; and how many different ones are drawn, which repeat.
PHOTOS, WIDTH, HEIGHT, SIZE, DRAWN = 3781, 400, 533, 256, 200
TEST_PHOTOS = 10
#: Records above which ``memory`` packs images of 8x8.
SMALL_ABOVE = 100_000
GROUPS = {"Colour": [f"c{n}" for n in range(45)], "Type": [f"t{n}" for n in range(90)]}


def photo(rng: np.random.RandomState, width: int, height: int) -> bytes:
    """A JPEG with soft shapes and some grain, as large as a shop photo's."""
    coarse = cv2.resize(
        rng.randint(0, 256, (12, 9, 3)).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
    )
    grain = rng.normal(0, 9, (height, width, 1))
    image = np.clip(coarse + grain, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def make_dataset(
    runs: Path, name: str, folder: Path, images: int, width: int, height: int, hard_links: bool
) -> Dataset:
    """A split dataset of synthetic photos, 10 of them for test; ``hard_links``: all names are links to 1,000 files."""
    rng = np.random.RandomState(0)
    drawn = [photo(rng, width, height) for _ in range(DRAWN)]
    made = Dataset(name, runs)
    made.data.mkdir(parents=True)
    (folder / "images").mkdir(parents=True)
    Catalog.from_dict(GROUPS).save(made.catalog)

    def rows(start: int, stop: int) -> Iterator[Record]:
        for n in range(start, stop):
            path = folder / "images" / f"{n % 1000:03d}" / f"{n:07d}.jpg"
            path.parent.mkdir(exist_ok=True)
            first = folder / "images" / f"{n % 1000:03d}" / f"{n % 1000:07d}.jpg"
            if hard_links and n >= 1000:
                os.link(first, path)
            else:
                path.write_bytes(drawn[n % DRAWN])
            labels = (("Colour", f"c{n % 45}"), ("Type", f"t{n * 7 % 90}"))
            yield Record(str(path.relative_to(folder)), f"p{n // 3}", labels)

    records.write(made.split("train"), rows(0, images - TEST_PHOTOS))
    records.write(made.split("test"), rows(images - TEST_PHOTOS, images))
    # build_lmdb reads the folder of the photos from it.
    done.write(made.import_mark, {"folder": str(folder), "source": "records"}, {})
    return made


class ResourceUse(NamedTuple):
    """What a command took: wall seconds, CPU seconds, peak resident memory in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def measured(command: list[str], env: Mapping[str, str] | None = None) -> ResourceUse:
    """Run a command; where it fails, this program ends with the last line of its standard error."""
    with tempfile.TemporaryFile() as stderr:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        if status:
            stderr.seek(0)
            lines = stderr.read().decode("utf-8", "replace").splitlines() or ["no message"]
            raise SystemExit(f"{' '.join(command)}: status {os.waitstatus_to_exitcode(status)}: {lines[-1]}")
    return ResourceUse(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def pack(made: Dataset, *options: str) -> ResourceUse:
    """tools/build_lmdb.py, from its start to its end."""
    command = [sys.executable, str(REPOSITORY / "tools/build_lmdb.py"), "--dataset", made.name]
    return measured([*command, "--runs", str(made.root.parent), "--overwrite", *options])


def reference_program() -> tuple[list[str], Path]:
    """(command prefix of its programs, the folder that they see as /); ends where there is none."""
    try:
        found = original.find()
    except original.NoOriginal as reason:
        raise SystemExit(f"no original Caffe to compare with: {reason}") from None
    return list(found.command[:-1]), found.root


def run_convert_imageset(
    prefix: list[str], root: Path, folder: Path, listing: Path, out: Path, *options: str
) -> ResourceUse:
    shutil.rmtree(out, ignore_errors=True)
    inside = [f"/{path.relative_to(root)}" for path in (folder, listing, out)]
    size = [f"--resize_height={SIZE}", f"--resize_width={SIZE}"]
    command = [*prefix, "convert_imageset", *size, *options, inside[0] + "/", *inside[1:]]
    return measured(command, env=original.environment(GLOG_minloglevel="2"))


def share_of_differing_values(made: Dataset, theirs: Path) -> float:
    """Share of the training values that differ by more than one grey level (of 0 to 255); convert_imageset keeps
    the order of its list.
    """
    datum = engine.messages().Datum
    far = total = 0
    for (_, a), (_, b) in zip(items(made.images("train")), items(theirs)):
        made_pixels, their_pixels = (decode(datum.FromString(value)).astype(np.int16) for value in (a, b))
        far += int((np.abs(made_pixels - their_pixels) > 1).sum())
        total += made_pixels.size
    return far / total


def relative_mean_difference(prefix: list[str], root: Path, made: Dataset, theirs: Path) -> float:
    """Largest difference of mean.binaryproto from compute_image_mean's, relative to its largest value."""
    out = theirs.with_name("mean.binaryproto")
    inside = [f"/{path.relative_to(root)}" for path in (theirs, out)]
    subprocess.run([*prefix, "compute_image_mean", *inside], check=True, stderr=subprocess.DEVNULL)
    blobs = [engine.messages().BlobProto.FromString(path.read_bytes()) for path in (made.mean, out)]
    made_mean, their_mean = (np.array(blob.data) for blob in blobs)
    return float(np.abs(made_mean - their_mean).max() / their_mean.max())


def speed(work: Path, prefix: list[str], root: Path) -> None:
    folder = work / "photos"
    made = make_dataset(work / "runs", "speed", folder, PHOTOS, WIDTH, HEIGHT, False)
    print(f"{PHOTOS} photos of {WIDTH}x{HEIGHT} to {SIZE}x{SIZE}, {cores()} cores; seconds, best of 3 in turn")
    listing, reference_lmdb = work / "list.txt", work / "theirs_lmdb"
    for name, ours, caffe_flags in (
        ("raw", [], []),
        ("JPEG", ["--encoding", "jpg"], ["--encoded", "--encode_type=jpg"]),
    ):
        # Once before the measurement, for train_packed.csv, whose order the list must have.
        pack(made, "--size", str(SIZE), *ours)
        packed = [r for part in ("train", "test") for _, r in records.read_packed(made.packed(part))]
        listing.write_text("".join(f"{record.image} 0\n" for record in packed))
        times = [
            (
                run_convert_imageset(prefix, root, folder, listing, reference_lmdb, *caffe_flags),
                pack(made, "--size", str(SIZE), *ours),
            )
            for _ in range(3)
        ]
        reference, build_lmdb = (min(runs, key=lambda run: run.seconds) for runs in zip(*times))
        print(
            f"  {name:<5} convert_imageset {reference.seconds:6.2f}   build_lmdb {build_lmdb.seconds:6.2f}   "
            f"ratio {reference.seconds / build_lmdb.seconds:.2f}   "
            f"(processor time {reference.cpu_seconds:.2f} and {build_lmdb.cpu_seconds:.2f})",
            flush=True,
        )
        if name == "raw":
            share = share_of_differing_values(made, reference_lmdb)
            print(f"        values that differ by more than 1 level: {share:.4%}")
            listing.write_text(
                "".join(f"{record.image} 0\n" for _, record in records.read_packed(made.packed("train")))
            )
            run_convert_imageset(prefix, root, folder, listing, reference_lmdb, *caffe_flags)
            difference = relative_mean_difference(prefix, root, made, reference_lmdb)
            print(f"        mean against compute_image_mean: {difference:.1e}", flush=True)


def scaling(work: Path) -> None:
    made = make_dataset(work / "runs", "cores", work / "photos", PHOTOS, WIDTH, HEIGHT, False)
    print(f"{PHOTOS} photos of {WIDTH}x{HEIGHT} to {SIZE}x{SIZE}; packing alone, without the start of the process")
    counts = [n for n in (1, 2, 4, 8, 16, 32) if n <= cores()]
    for encoding in ([], ["--encoding", "jpg"]):
        for threads in counts:
            pack(made, "--size", str(SIZE), "--threads", str(threads), *encoding)
            seconds = done.read(made.info)["seconds"]
            print(
                f"  {'JPEG' if encoding else 'raw':<5} {threads:>2} threads {PHOTOS / seconds:8.0f} images/s",
                flush=True,
            )


def memory(work: Path, count: int) -> None:
    small = count > SMALL_ABOVE
    made = make_dataset(work / "runs", "memory", work / "photos", count, 24, 32, True)
    size = 8 if small else SIZE
    used = pack(made, "--size", str(size), *([] if small else ["--encoding", "jpg"]))
    print(f"  {count} records, {size}x{size}: {used.seconds:.0f} s, peak {used.peak_mib:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="what", required=True)
    parts.add_parser("speed", help="against convert_imageset")
    parts.add_parser("cores", help="with 1, 2, ... threads")
    part = parts.add_parser("memory", help="peak memory of packing so many records")
    part.add_argument("records", type=int, nargs="?", default=35_000, help="default: 35000")
    args = parser.parse_args()
    if args.what == "memory" and args.records <= TEST_PHOTOS:
        parser.error(f"records = {args.records}: expected more than {TEST_PHOTOS}, which are for the test LMDB")
    prefix, root = reference_program() if args.what == "speed" else ([], Path("/"))
    work = Path(tempfile.mkdtemp(prefix="packing-", dir=root / "tmp"))
    try:
        if args.what == "speed":
            speed(work, prefix, root)
        elif args.what == "cores":
            scaling(work)
        else:
            memory(work, args.records)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
