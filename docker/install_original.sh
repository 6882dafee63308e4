#!/bin/sh
# Installs the original Caffe, and what the tools need beside it, into the Debian 11 in which it runs. Needs root.
#
#   install_original.sh [MIRROR]
#
# MIRROR is the address of a Debian mirror that holds bullseye; without it the system's own sources are used.
# The one list of packages: cpu/Dockerfile and original_root.sh both run this file.
set -eu

fail() {
    echo "error: $*" >&2
    exit 2
}

mirror=${1:-}
case $mirror in
"" | http://?* | https://?* | file:/?*) ;;
*) fail "MIRROR=$mirror: expected an address that starts with http://, https:// or file:/" ;;
esac
case $mirror in
*[[:space:]]*) fail "MIRROR=$mirror: expected one address without spaces" ;;
esac
found=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release)
case $found in
"Debian GNU/Linux 11 "*) ;;
*) fail "this system is ${found:-unknown}: the original Caffe is a package of Debian 11, so run this in one" ;;
esac

if [ -n "$mirror" ]; then
    rm -f /etc/apt/sources.list.d/*
    echo "deb $mirror bullseye main" >/etc/apt/sources.list
fi
export DEBIAN_FRONTEND=noninteractive
# A source that fails is an error here, not the warning that apt makes of it.
apt-get update -q -o APT::Update::Error-Mode=any ||
    fail "the mirror gives no package lists: choose one that holds Debian 11, or Debian's archive, with MIRROR=http://..."
[ -n "$(apt-cache madison caffe)" ] ||
    fail "the mirror has no package caffe for $(dpkg --print-architecture): choose another, or an amd64 machine"
# In the first line the original and its BLAS, in the second what the steps from photos to report import; python3-caffe
# brings NumPy, protobuf, pandas and matplotlib. No fsync of each file: a system that is cut off here is thrown away.
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
    caffe python3-caffe libopenblas0-pthread make \
    python3-opencv python3-h5py python3-lmdb python3-yaml python3-jinja2 python3-tqdm ||
    fail "apt-get could not install the packages: see the lines above"
apt-get clean
rm -rf /var/lib/apt/lists/*
python3 -c "import caffe, cv2, h5py, jinja2, lmdb, matplotlib, pandas, tqdm, yaml"
