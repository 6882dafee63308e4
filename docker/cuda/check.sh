#!/usr/bin/env bash
# Builds cuda/Dockerfile for real without a Docker daemon, and tries it as far as a machine without a GPU can: the code that
# is inside, a whole training, the parity suite. Needs root, 30 GB and about an hour and a half on 2 cores.
#
#   check.sh FOLDER [MIRROR]       JOBS=2 compiles two files at a time
#
# Leaves in FOLDER: root/, the image's file system (an original for tests/parity); runs/; figures.txt. Stopped, the same
# command goes on with the step that was not ended. record.txt beside this file is written once all is well.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=docker/building.sh
. docker/building.sh
[ $# -ge 1 ] || fail "usage: check.sh FOLDER [MIRROR]"
build_in "$1" docker-cuda
mirror=${2:-} settings=(DATASET=sample-shop)
touch "$work/figures.txt"

# The seconds of a build; one that took all its layers from the run before, in seconds, leaves the figure of that run.
note_build() {
    if [ "$2" -ge 60 ] || ! grep -q "^$1: " "$work/figures.txt"; then note "$1: $2 s"; fi
}

step "Debian 11 as the base image"
store images localhost/debian-11 >/dev/null 2>&1 || base_image "$mirror"

step "docker/cuda/Dockerfile"
from=$SECONDS
options=(--layers ${mirror:+--build-arg MIRROR="$mirror"} ${JOBS:+--build-arg JOBS="$JOBS"})
build_image cuda multiweight-cuda-build localhost/debian-11 "${options[@]}" --target build
note_build "build of the packages" $((SECONDS - from))
from=$SECONDS
build_image cuda multiweight-cuda localhost/debian-11 "${options[@]}"
note_build "installing them" $((SECONDS - from))
note "size of the image: $(store images --format '{{.Size}}' localhost/multiweight-cuda)"
argument() {
    sed -n "s/^ARG $1=\"\?\([^\"]*\)\"\?$/\1/p" docker/cuda/Dockerfile
}
compiler=$(store from --pull-never localhost/multiweight-cuda-build)
store run --isolation=chroot "$compiler" -- build.sh check "$(argument ARCHITECTURES)" "$(argument PTX)" /packages |
    while read -r line; do note "in libcaffe, $line"; done
keep_root multiweight-cuda

step "without a driver: each says so, and the CPU mode computes"
rm -rf --one-file-system "$work/runs"
mkdir "$work/runs" && chown "$user" "$work/runs"
inside check-gpu 0 >"$work/check-gpu.log" 2>&1 && fail "check-gpu succeeds without a driver"
grep '^error: no NVIDIA driver' "$work/check-gpu.log" || fail "check-gpu does not say that there is no driver"
inside caffe device_query --gpu=0 >"$work/device_query.log" 2>&1 && fail "device_query succeeds without a driver"
grep -m 1 'driver version is insufficient' "$work/device_query.log" || fail "device_query gives no error of CUDA's"
# The deploy net of the project's own, as committed.
inside caffe time --model=prototxt/multi_weight/deploy.prototxt --iterations=1 >"$work/time.log" 2>&1 ||
    fail "caffe time fails: see $work/time.log"
grep -m 1 'Average Forward-Backward' "$work/time.log" || fail "caffe time tells no times: see $work/time.log"

# Data layers ask CUDA which device is current in CPU mode too; from here on two functions stand in for the driver.
cc -shared -fPIC -nostdlib -O2 -o "$work/no_driver.so" docker/cuda/no_driver.c
preload=/usr/local/lib/no_driver.so
cp "$work/no_driver.so" "$work/root$preload"
echo "$preload" >"$work/root/etc/ld.so.preload"
more+=(--volume "$work/no_driver.so:$preload:ro" --env "LD_PRELOAD=$preload")

step "the way from photos to report, as user $user"
inside make shop lmdb prototxt ENGINE=caffe "${settings[@]}"
from=$SECONDS
inside make train-multiweight ENGINE=caffe "${settings[@]}" 2>"$work/train.log" || { tail -n 5 "$work/train.log" >&2; fail "training failed"; }
note "make train-multiweight in the image, on the CPU: $((SECONDS - from)) s"
inside make features evaluate ENGINE=caffe "${settings[@]}"
note "multi_weight: mean mAP $(inside python3 -c 'import json; print(round(100 * json.load(open("runs/sample-shop/multi_weight/evaluation.json"))["mean_map"], 2))')"
inside make prototxt ENGINE=caffe "${settings[@]}" SCHEME=smoothed C=2.0 ITERATIONS=20 NET="--test-interval 20"
inside train-run runs/sample-shop/smoothed-c2 none 2>"$work/caffe-train.log" || fail "train-run failed: see $work/caffe-train.log"

step "the parity suite on it"
from=$SECONDS
MULTIWEIGHT_ORIGINAL_ROOT=$work/root MULTIWEIGHT_REQUIRE_ORIGINAL=1 .venv/bin/python -m pytest -q tests/parity \
    --ignore=tests/parity/test_parity_table.py >"$work/parity.log" 2>&1 || { tail -n 20 "$work/parity.log" >&2; fail "see $work/parity.log"; }
note "parity: $(tail -n 1 "$work/parity.log")"

{
    echo "# Written by docker/cuda/check.sh when all of it had passed: what was run, without comments, and the figures."
    for file in docker/cuda/Dockerfile docker/cuda/build.sh docker/debian_sources.sh docker/install_original.sh; do
        echo "$(sed '/^ *#/d' "$file" | sha256sum | cut -d ' ' -f 1)  $file"
    done
    cat "$work/figures.txt"
} >docker/cuda/record.txt
drop_storage
