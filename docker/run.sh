#!/usr/bin/env bash
# Runs a command in the original stack, on this folder and in it, as the user who calls.
#
#   run.sh [--gpu] IMAGE [FOLDER...] -- COMMAND...
#
# IMAGE is a Docker image, or a folder that original_root.sh made. The repository is seen inside under its own path, and
# so is every FOLDER outside it (photos, runs): a path means the same here and inside, in snapshots too.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd -P)
docker=${DOCKER:-docker}

fail() {
    echo "error: $*" >&2
    exit 2
}

gpu=no
if [ "${1:-}" = --gpu ]; then
    gpu=yes
    shift
fi
[ $# -ge 1 ] || fail "usage: run.sh [--gpu] IMAGE [FOLDER...] -- COMMAND..."
image=$1
shift
folders=("$repository")
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    # A folder that is not there is for the command to complain of.
    if [ -d "$1" ]; then
        full=$(cd "$1" && pwd -P)
        case $full/ in "$repository"/*) ;; *) folders+=("$full") ;; esac
    fi
    shift
done
[ $# -ge 2 ] || fail "no command: CMD='make train-multiweight ENGINE=caffe', for one"
shift

in_docker() {
    command -v "$docker" >/dev/null ||
        fail "$docker is not installed: install Docker, or make original-root and use make original-run"
    "$docker" version >/dev/null 2>&1 ||
        fail "the Docker daemon does not answer: start it (docker version tells more), or make original-root"
    "$docker" image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image: make docker-${image#multiweight-}"
    options=(--rm --init --user "$(id -u):$(id -g)" --workdir "$repository")
    if [ -t 0 ] && [ -t 1 ]; then options+=(--interactive --tty); fi
    if [ "$gpu" = yes ]; then
        # What the driver translates for a GPU newer than the image outlives the container: it takes minutes.
        options+=(--gpus all --env CUDA_CACHE_PATH="$repository/build/cuda-cache" --env CUDA_CACHE_MAXSIZE=4294967296)
    fi
    for folder in "${folders[@]}"; do options+=(--volume "$folder:$folder"); done
    status=0
    "$docker" run "${options[@]}" "$image" "$@" || status=$?
    # Docker's own failure; its words stand above.
    if [ "$gpu" = yes ] && [ "$status" = 125 ]; then
        fail "Docker gives no GPU: install the NVIDIA container toolkit, or a newer driver where it asks for one; docker/README.md"
    fi
    exit "$status"
}

in_root() {
    [ "$(id -u)" = 0 ] || fail "entering $image needs root: run it by sudo, which keeps you the owner of what is written"
    if [ "${MULTIWEIGHT_OWN_MOUNTS:-}" != yes ]; then
        exec env MULTIWEIGHT_OWN_MOUNTS=yes unshare --mount --propagation private \
            "$repository/docker/run.sh" "$image" "${folders[@]}" -- "$@"
    fi
    for folder in "${folders[@]}"; do
        mkdir -p "$image$folder"
        mount --bind "$folder" "$image$folder"
    done
    mount -t proc proc "$image/proc"
    mount --rbind /dev "$image/dev"
    # shellcheck disable=SC2016
    exec chroot --userspec="${SUDO_UID:-0}:${SUDO_GID:-0}" "$image" \
        env -u MULTIWEIGHT_OWN_MOUNTS HOME=/tmp PATH=/usr/local/bin:/usr/bin:/bin ENGINE=caffe \
        sh -c 'cd "$1" && shift && exec "$@"' sh "$repository" "$@"
}

case $image in
*/*) if [ -x "$image/usr/bin/caffe" ]; then in_root "$@"; else fail "$image holds no original Caffe: make original-root"; fi ;;
*) in_docker "$@" ;;
esac
