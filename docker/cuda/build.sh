#!/bin/sh
# Builds the packages of the original Caffe for GPUs from Debian's own source, one step a call. Needs root, in a Debian 11.
#
#   build.sh tools [MIRROR]                     what compiles it, CUDA 11.2 included, and the source
#   build.sh compile ARCHITECTURES PTX [JOBS]   such as "3.5 6.0" 8.0: machine code for two, PTX for one
#   build.sh packages FOLDER                    the packages that install_original.sh takes
#   build.sh check ARCHITECTURES PTX FOLDER     what cuobjdump finds in them is what was asked for
set -eu
version=1.0.0+git20180821.99bd997-8
work=/usr/src/caffe

fail() {
    echo "error: $*" >&2
    exit 2
}

# 3.5 -> 35, for each that nvcc 11.2 compiles for.
numbers() {
    for one in $1; do
        case $one in
        3.5 | 3.7 | 5.0 | 5.2 | 5.3 | 6.0 | 6.1 | 6.2 | 7.0 | 7.2 | 7.5 | 8.0 | 8.6) echo "${one%.*}${one#*.}" ;;
        *) fail "$2=$1: $one is not a compute capability that CUDA 11.2 compiles for: 3.5 to 8.6, such as 7.5" ;;
        esac
    done
}

# Debian's rules as they stand, except: CUDA on (their last words to cmake are ADCF), no test program, no debug symbols.
rules() {
    DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=${jobs:-1}" DEB_CFLAGS_STRIP=-g DEB_CXXFLAGS_STRIP=-g \
        ADCF="-DCPU_ONLY=OFF -DCUDA_ARCH_NAME=Manual -DCUDA_ARCH_BIN=${architectures:-} -DCUDA_ARCH_PTX=${ptx:-}" "$@"
}

case ${1:-} in
tools)
    "$(dirname "$0")/debian_sources.sh" "${2:-}" non-free source || exit
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
        build-essential dpkg-dev nvidia-cuda-toolkit ||
        fail "apt-get could not install CUDA: see the lines above"
    apt-get build-dep -q -y --no-install-recommends --arch-only -o Dpkg::Options::=--force-unsafe-io "caffe=$version" ||
        fail "apt-get could not install what the source needs: see the lines above"
    mkdir -p "$work"
    cd "$work"
    apt-get source -q -o APT::Sandbox::User=root "caffe=$version" || fail "the mirror has no source package caffe $version"
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
    cd caffe-*/
    sed -i 's/ test\.testbin / /' debian/rules
    sed -i 's/CPU_ONLY/CUDA 11.2/' debian/control
    # Above the version of Debian's binaries, so that nothing puts those back.
    {
        printf 'caffe (%s+cuda1) bullseye; urgency=medium\n\n  * Compiled with CUDA.\n\n' "$version"
        printf ' -- multiweight <multiweight@localhost>  Sat, 21 Nov 2020 15:17:44 +0800\n\n'
        cat debian/changelog
    } >debian/changelog.new
    mv debian/changelog.new debian/changelog
    ;;
compile)
    jobs=${4:-$(nproc)}
    architectures=$(numbers "${2:-}" ARCHITECTURES)
    ptx=$(numbers "${3:-}" PTX)
    if [ -z "$architectures" ] || [ -z "$ptx" ]; then
        fail "ARCHITECTURES=${2:-} PTX=${3:-}: expected compute capabilities in both, such as 3.5 and 8.0"
    fi
    architectures=$(echo "$architectures" | paste -s -d ,)
    ptx=$(echo "$ptx" | paste -s -d ,)
    cd "$work"/caffe-*/
    rules debian/rules build-arch
    ;;
packages)
    folder=${2:?usage: build.sh packages FOLDER}
    mkdir -p "$folder"
    cd "$work"/caffe-*/
    # Not dpkg-buildpackage, which configures anew and so compiles everything again.
    rules debian/rules binary-arch
    cp ../caffe_*.deb ../libcaffe1_*.deb ../python3-caffe_*.deb "$folder"
    ;;
check)
    found=$(mktemp -d)
    dpkg-deb --extract "$4"/libcaffe1_*.deb "$found"
    library=$(find "$found" -name 'libcaffe.so.*.*')
    cuobjdump --list-elf --list-ptx "$library" >"$found/list"
    for kind in "cubin $2" "ptx $3"; do
        inside=$(sed -n "s/.*\.sm_\([0-9]*\)\.${kind%% *}$/\1/p" "$found/list" | sort -u)
        asked=$(numbers "${kind#* }" "${kind%% *}")
        asked=$(echo "$asked" | sort -u)
        echo "${kind%% *}: $(echo "$inside" | paste -s -d ' ')"
        [ "$inside" = "$asked" ] || fail "libcaffe holds ${kind%% *} for ${inside:-nothing}, not for $asked"
    done
    ;;
*) fail "usage: build.sh tools|compile|packages|check ..." ;;
esac
