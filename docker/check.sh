#!/usr/bin/env bash
# Builds cpu/Dockerfile for real without a Docker daemon, trains in it, and has the host judge what came out. Needs root.
#
#   check.sh FOLDER [MIRROR]
#
# Leaves in FOLDER: root/, the image's file system (an original for tests/parity); runs/, as written by a user of the image
# who is not root; host-runs/, the same evaluated by the host's tools; figures.txt, sizes and times.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 2
}

[ $# -ge 1 ] || fail "usage: check.sh FOLDER [MIRROR]"
work=$(mkdir -p "$1" && cd "$1" && pwd -P) mirror=${2:-}
user=12345:12345
settings=(DATASET=sample-shop)
[ "$(id -u)" = 0 ] || fail "building without a daemon needs root: run it by sudo, or make docker-cpu with Docker"
command -v buildah >/dev/null || fail "buildah is missing: on Debian and Ubuntu, apt-get install buildah"

# Storage of its own: nothing of the machine's images is read or left behind.
store() {
    buildah --root "$work/storage/images" --runroot "$work/storage/state" "$@"
}

drop_storage() {
    if [ -d "$work/storage" ]; then
        store rm --all >/dev/null
        rm -rf --one-file-system "$work/storage"
    fi
}

step() {
    echo "--- $*"
}

note() {
    echo "$*" | tee -a "$work/figures.txt"
}

# What tells an OpenBLAS about its processor holds inside too; OPENBLAS_* and OMP_* of the caller.
blas=()
while IFS='=' read -r name value; do blas+=(--env "$name=$value"); done < <(env | grep -E '^(OPENBLAS|OMP)_' || true)

inside() {
    store run --isolation=chroot --user "$user" "${blas[@]}" --volume "$work/runs:/multiweight/runs" "$container" -- "$@"
}

drop_storage
trap drop_storage EXIT
rm -rf --one-file-system "$work/root" "$work/runs" "$work/host-runs"
: >"$work/figures.txt"
begun=$SECONDS

step "Debian 11 as the base image"
docker/original_root.sh --base "$work/base" ${mirror:+"$mirror"}
tar -C "$work/base" -cf "$work/base.tar" .
container=$(store from scratch)
store add --quiet "$container" "$work/base.tar" / >/dev/null
store commit --quiet "$container" localhost/debian-11 >/dev/null
store rm "$container" >/dev/null
rm -rf --one-file-system "$work/base.tar"
note "base image: $((SECONDS - begun)) s"

step "docker/cpu/Dockerfile"
from=$SECONDS
store build --isolation=chroot --build-arg BASE=localhost/debian-11 --build-arg MIRROR="$mirror" \
    --file docker/cpu/Dockerfile --tag localhost/multiweight-cpu . >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log" >&2; fail "docker/cpu/Dockerfile does not build: see $work/build.log"; }
note "build of the image: $((SECONDS - from)) s"
note "size of the image: $(store images --format '{{.Size}}' localhost/multiweight-cpu)"
container=$(store from --pull-never localhost/multiweight-cpu)
cp -a "$(store mount "$container")" "$work/root"
store umount "$container" >/dev/null

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
store build --isolation=chroot --build-arg BASE=localhost/multiweight-cpu --file docker/gpu/Dockerfile \
    --tag localhost/multiweight-gpu-on-cpu . >"$work/build-gpu.log" 2>&1 ||
    { tail -n 30 "$work/build-gpu.log" >&2; fail "docker/gpu/Dockerfile does not build: see $work/build-gpu.log"; }
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
