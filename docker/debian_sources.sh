#!/bin/sh
# Lets the Debian 11 in which it runs install from one mirror, and reads the mirror's package lists. Needs root.
#
#   debian_sources.sh MIRROR [non-free] [source]
#
# MIRROR is the address of a Debian mirror that holds bullseye; empty, the system's own sources are used. `non-free` adds
# what has CUDA (it needs contrib beside it), and `source` the source packages.
set -eu

fail() {
    echo "error: $*" >&2
    exit 2
}

mirror=${1:-}
[ $# -eq 0 ] || shift
part="" source=no
for word in "$@"; do
    case $word in
    non-free) part=" contrib non-free" ;;
    source) source=yes ;;
    *) fail "usage: debian_sources.sh MIRROR [non-free] [source]" ;;
    esac
done
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
sed -i -E "s/^(deb .* main)$/\1$part/" /etc/apt/sources.list
if [ "$source" = yes ]; then
    sed -n -E 's/^deb (.* main)( contrib non-free)?$/deb-src \1/p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
fi
# A source that fails is an error here, not the warning that apt makes of it.
apt-get update -q -o APT::Update::Error-Mode=any ||
    fail "the mirror gives no package lists: choose one that holds Debian 11, or Debian's archive, with MIRROR=http://..."
[ -n "$(apt-cache madison caffe)" ] ||
    fail "the mirror has no package caffe for $(dpkg --print-architecture): choose another, or an amd64 machine"
[ -z "$part" ] || [ -n "$(apt-cache madison libcublas11)" ] ||
    fail "the mirror has no CUDA (libcublas11): choose one with Debian's non-free part by MIRROR=http://..., and an amd64 machine"
