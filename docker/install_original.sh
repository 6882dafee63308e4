#!/bin/sh
# Installs the original Caffe, and what the tools need beside it, into the Debian 11 in which it runs. Needs root.
#
#   install_original.sh [MIRROR] [FOLDER]
#
# MIRROR as in debian_sources.sh, which must lie beside this file. FOLDER holds packages of Caffe that cuda/build.sh made,
# to install in place of Debian's; what they need of CUDA comes from Debian's non-free part.
# The one list of packages: cpu/Dockerfile, cuda/Dockerfile and original_root.sh all run this file.
set -eu

fail() {
    echo "error: $*" >&2
    exit 2
}

mirror=${1:-} folder=${2:-}
"$(dirname "$0")/debian_sources.sh" "$mirror" ${folder:+non-free} || exit
set --
if [ -n "$folder" ]; then set -- "$folder"/*.deb; fi
# In the first line the original and its BLAS, in the second what the steps from photos to report import; python3-caffe
# brings NumPy, protobuf, pandas and matplotlib. No fsync of each file: a system that is cut off here is thrown away.
export DEBIAN_FRONTEND=noninteractive
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
    caffe python3-caffe libopenblas0-pthread make \
    python3-opencv python3-h5py python3-lmdb python3-yaml python3-jinja2 python3-tqdm "$@" ||
    fail "apt-get could not install the packages: see the lines above"
apt-get clean
rm -rf /var/lib/apt/lists/*
python3 -c "import caffe, cv2, h5py, jinja2, lmdb, matplotlib, pandas, tqdm, yaml"
