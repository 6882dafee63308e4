#!/bin/sh
# Whether the original computes on a GPU here; where it does not, one sentence says what to do.
#
#   check_gpu.sh [NUMBER]
set -eu

fail() {
    echo "error: $*" >&2
    exit 2
}

gpu=${1:-0}
case $gpu in
"" | *[!0-9]*) fail "GPU=$gpu: expected one number" ;;
esac
python3 -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null ||
    fail "no NVIDIA driver is seen in here: the host needs one and the NVIDIA container toolkit, and docker run needs --gpus all"

net=$(mktemp)
trap 'rm -f "$net"' EXIT
# One kernel of Caffe's own and one product by cuBLAS, forward and backward.
cat >"$net" <<'NET'
layer { name: "data" type: "DummyData" top: "data" dummy_data_param { shape { dim: 4 dim: 8 } data_filler { type: "gaussian" } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 8 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "fc" top: "relu" }
layer { name: "loss" type: "Reduction" bottom: "relu" top: "loss" loss_weight: 1 }
NET
if said=$(GLOG_logtostderr=1 caffe time --model="$net" --gpu="$gpu" --iterations=1 2>&1); then
    case $said in
    *"Cannot create Cublas handle"*) ;;
    *)
        echo "GPU $gpu: the original computes on it"
        exit 0
        ;;
    esac
fi
case $said in
*"driver version is insufficient"*)
    fail "the driver is too old for CUDA 11.2: update it to 460 or newer (470 is the last branch for Kepler)" ;;
*"unsupported toolchain"*)
    fail "the driver is too old to translate this image's PTX for GPU $gpu: update it" ;;
*"invalid device ordinal"* | *"no CUDA-capable device"*)
    fail "there is no GPU $gpu in here: nvidia-smi lists those that are, docker run needs --gpus all" ;;
*"no kernel image is available"*)
    fail "this image has no code for GPU $gpu: build it with the GPU's compute capability, as docker/README.md shows" ;;
*Cublas* | *CUBLAS*)
    fail "cuBLAS 11.2 does not run on GPU $gpu: take ENGINE=torch, this project's own engine, for it" ;;
*)
    fail "caffe time fails on GPU $gpu: $(echo "$said" | grep -m 1 '^F' || echo "$said" | tail -n 1)" ;;
esac
