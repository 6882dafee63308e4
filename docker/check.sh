#!/usr/bin/env bash
# Builds cpu/Dockerfile for real without a Docker daemon, trains in it, and has the host judge what came out. Needs root.
#
#   check.sh FOLDER [MIRROR]
#
# Leaves in FOLDER: root/, the image's file system (an original for tests/parity); runs/, as written by a user of the image
# who is not root; host-runs/, the same evaluated by the host's tools; figures.txt, sizes and times.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=docker/building.sh
. docker/building.sh
[ $# -ge 1 ] || fail "usage: check.sh FOLDER [MIRROR]"
build_in "$1" docker-cpu
mirror=${2:-} settings=(DATASET=sample-shop)

drop_storage
trap drop_storage EXIT
rm -rf --one-file-system "$work/root" "$work/runs" "$work/host-runs"
: >"$work/figures.txt"
begun=$SECONDS

step "Debian 11 as the base image"
base_image "$mirror"
note "base image: $((SECONDS - begun)) s"

step "docker/cpu/Dockerfile"
from=$SECONDS
build_image cpu multiweight-cpu localhost/debian-11 --build-arg MIRROR="$mirror"
note "build of the image: $((SECONDS - from)) s"
note "size of the image: $(store images --format '{{.Size}}' localhost/multiweight-cpu)"
keep_root multiweight-cpu

step "the way from photos to report in the image, as user $user"
mkdir "$work/runs" && chown "$user" "$work/runs"
inside make shop lmdb prototxt ENGINE=caffe "${settings[@]}"
from=$SECONDS
inside make train-multiweight ENGINE=caffe "${settings[@]}" 2>"$work/train.log" || { tail -n 5 "$work/train.log" >&2; fail "training failed"; }
note "make train-multiweight in the image: $((SECONDS - from)) s"
inside make features evaluate report ENGINE=caffe CHECK=1 "${settings[@]}"

step "docker/gpu/Dockerfile on the CPU original: caffe train with the loss layer, gone on with, then extract_features"
inside make prototxt ENGINE=caffe "${settings[@]}" SCHEME=smoothed C=2.0 ITERATIONS=20 NET="--test-interval 20"
run=runs/sample-shop/smoothed-c2
build_image gpu multiweight-gpu-on-cpu localhost/multiweight-cpu
container=$(store from --pull-never localhost/multiweight-gpu-on-cpu)
inside train-run "$run" none 2>"$work/caffe-train.log" ||
    { tail -n 20 "$work/caffe-train.log" >&2; fail "caffe train failed on $run"; }
rm "$work/$run"/snapshots/*_iter_20.*
inside train-run "$run" none 2>>"$work/caffe-train.log"
grep -q "Resuming from snapshots/smoothed-c2_iter_15.solverstate" "$work/caffe-train.log" ||
    fail "caffe train did not go on from its snapshot: see $work/caffe-train.log"
[ -e "$work/$run/snapshots/smoothed-c2_iter_20.caffemodel" ] || fail "$run has no snapshot of iteration 20"
inside env -C "$run" extract_features snapshots/smoothed-c2_iter_20.caffemodel \
    train_val.prototxt fc7 fc7_lmdb 2 lmdb CPU 2>"$work/extract.log" ||
    { tail -n 20 "$work/extract.log" >&2; fail "extract_features failed on $run"; }

step "the host's tools on the same snapshots"
cp -a "$work/runs" "$work/host-runs"
rm -rf "$work/host-runs/sample-shop/report" "$work/host-$run" "$work"/host-runs/sample-shop/*/{features,retrieval}.h5 \
    "$work"/host-runs/sample-shop/*/evaluation.json
make --no-print-directory features evaluate report ENGINE=torch CHECK=1 "${settings[@]}" RUNS="$work/host-runs"
python3 docker/compare_evaluations.py "$work/runs/sample-shop" "$work/host-runs/sample-shop" | tee -a "$work/figures.txt"
note "everything: $((SECONDS - begun)) s"
