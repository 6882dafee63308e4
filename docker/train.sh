#!/bin/sh
# `caffe train` on a run whose LMDBs and nets are written, from its last snapshot where it has one.
#
#   train.sh RUN [GPU]       RUN is a folder such as runs/sample-shop/multi_weight; GPU a number, or none for the CPU
#
# Runs in the run's folder, from where the paths inside the prototxt hold, with the loss layer on PYTHONPATH.
set -eu

fail() {
    echo "error: $*" >&2
    exit 2
}

run=${1:?usage: train.sh RUN [GPU]}
gpu=${2:-0}
[ -f "$run/solver.prototxt" ] ||
    fail "$run/solver.prototxt: no such file: write data and nets on the host first (make lmdb prototxt)"
case $gpu in
none) set -- ;;
"" | *[!0-9]*) fail "GPU=$gpu: expected one number or none: caffe train refuses Python layers on several GPUs" ;;
*) set -- "--gpu=$gpu" ;;
esac
# Only the image for today's GPUs has the check.
if [ "$gpu" != none ] && command -v check-gpu >/dev/null; then check-gpu "$gpu"; fi
mkdir -p "$run/snapshots"
cd "$run"
last=$(find snapshots -name '*_iter_*.solverstate' | sed 's/.*_iter_\([0-9]*\)\.solverstate$/\1 &/' | sort -n | tail -n 1)
if [ -n "$last" ]; then
    echo "goes on from iteration ${last%% *}"
    set -- "$@" "--snapshot=${last#* }"
fi
exec caffe train --solver=solver.prototxt "$@"
