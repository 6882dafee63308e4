#!/usr/bin/env bash
# Makes a folder that holds Debian 11 with the original Caffe, for machines without Docker. Needs root.
#
#   original_root.sh [--base] FOLDER [MIRROR]
#
# --base leaves out the original: Debian 11 alone, to import as a base image. MIRROR is the address of a Debian mirror;
# without it, this machine's own where it is a Debian, else debootstrap's. The folder appears only when it is whole.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd -P)

fail() {
    echo "error: $*" >&2
    exit 2
}

# The machine's mirror and proxy, as its apt has them.
machines_mirror() {
    command -v apt-get >/dev/null || return 0
    # The filter's words are apt's, not the shell's.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
        grep -E '^https?://' | head -n 1 || true
}

machines_proxy() {
    command -v apt-config >/dev/null || return 0
    apt-config dump --format '%v%n' Acquire::http::Proxy | grep -E '^https?://' | head -n 1 || true
}

install=yes
if [ "${1:-}" = --base ]; then
    install=no
    shift
fi
[ $# -ge 1 ] || fail "usage: original_root.sh [--base] FOLDER [MIRROR]"
folder=$1 mirror=${2:-}
if [ "$install" = yes ]; then need=1600 done_file=usr/bin/caffe; else need=400 done_file=usr/bin/apt-get; fi

if [ -e "$folder/$done_file" ]; then
    echo "$folder: skipped, it is there already; to make it anew, delete it first"
    exit 0
fi
[ ! -e "$folder" ] || fail "$folder is there, but without /$done_file: delete it, or name another folder"
[ "$(id -u)" = 0 ] || fail "making $folder needs root: run it by sudo, or use Docker (make docker-cpu)"
command -v debootstrap >/dev/null || fail "debootstrap is missing: on Debian and Ubuntu, apt-get install debootstrap"
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    fail "Debian's signing keys are missing: apt-get install debian-archive-keyring"
architecture=$(dpkg --print-architecture)
case $architecture in
amd64 | arm64 | armhf | i386) ;;
*) fail "Debian 11 has the original Caffe for amd64, arm64, armhf and i386, not for this machine's $architecture" ;;
esac
mkdir -p "$(dirname "$folder")"
free=$(($(df -Pk "$(dirname "$folder")" | awk 'NR == 2 { print $4 }') / 1024))
[ "$free" -ge "$need" ] || fail "$(dirname "$folder") has $free MB free and $need MB are needed: make room, or move build"
# Mounts are made in a space of their own, so that they end with this process, however it ends.
if [ "${MULTIWEIGHT_OWN_MOUNTS:-}" != yes ]; then
    unshare --mount true 2>/dev/null || fail "this machine lets not even root mount (a container?): run it outside"
    arguments=("$folder" ${mirror:+"$mirror"})
    [ "$install" = yes ] || arguments=(--base "${arguments[@]}")
    exec env MULTIWEIGHT_OWN_MOUNTS=yes unshare --mount --propagation private "$here/original_root.sh" "${arguments[@]}"
fi

proxy=${http_proxy:-$(machines_proxy)}
[ -z "$proxy" ] || export http_proxy=$proxy
from=${mirror:-$(machines_mirror)}
partial=$folder.partial log=$folder.log
trap 'rm -rf --one-file-system "$partial"' EXIT
rm -rf --one-file-system "$partial"
echo "making $folder: Debian 11$([ "$install" = no ] || echo " with the original Caffe"), $need MB, some minutes (log: $log)"
debootstrap --variant=minbase --force-check-gpg bullseye "$partial" ${from:+"$from"} >"$log" 2>&1 </dev/null ||
    fail "Debian 11 cannot be had from ${from:-its default mirror} ($(tail -n 1 "$log")): name one that holds it, MIRROR=http://..."
if [ "$install" = yes ]; then
    mount -t proc proc "$partial/proc"
    cp "$here/debian_sources.sh" "$here/install_original.sh" "$partial/usr/local/sbin/"
    chroot "$partial" /usr/local/sbin/install_original.sh ${mirror:+"$mirror"} >>"$log" 2>&1 </dev/null ||
        fail "the original cannot be installed ($(tail -n 1 "$log")): see $log"
    umount "$partial/proc"
fi
mv "$partial" "$folder"
echo "$folder: made, $(du -sm "$folder" | cut -f 1) MB"
