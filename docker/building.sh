#!/usr/bin/env bash
# What check.sh and cuda/check.sh share: images built by buildah, without a daemon. Sourced in the repository's root.

fail() {
    echo "error: $*" >&2
    exit 2
}

step() {
    echo "--- $*"
}

# build_in FOLDER TARGET: everything is left in $work, the folder; TARGET is the make target for machines with Docker.
build_in() {
    [ "$(id -u)" = 0 ] || fail "building without a daemon needs root: run it by sudo, or make $2 with Docker"
    command -v buildah >/dev/null || fail "buildah is missing: on Debian and Ubuntu, apt-get install buildah"
    work=$(mkdir -p "$1" && cd "$1" && pwd -P)
}

# A line "NAME: FIGURE" on the terminal and in figures.txt, where it replaces the one that an earlier run left.
note() {
    touch "$work/figures.txt"
    grep -v "^${*%%: *}: " "$work/figures.txt" >"$work/figures.new" || true
    echo "$*" | tee -a "$work/figures.new"
    mv "$work/figures.new" "$work/figures.txt"
}

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

# The image localhost/debian-11, from debootstrap: base_image [MIRROR]
base_image() {
    docker/original_root.sh --base "$work/base" ${1:+"$1"}
    tar -C "$work/base" -cf "$work/base.tar" .
    container=$(store from scratch)
    store add --quiet "$container" "$work/base.tar" / >/dev/null
    store commit --quiet "$container" localhost/debian-11 >/dev/null
    store rm "$container" >/dev/null
    rm -rf --one-file-system "$work/base.tar"
}

# build_image FOLDER-OF-DOCKER NAME BASE [OPTION...]
build_image() {
    local folder=$1 name=$2 base=$3
    shift 3
    store build --isolation=chroot --build-arg BASE="$base" "$@" --file "docker/$folder/Dockerfile" \
        --tag "localhost/$name" . >"$work/build-$folder.log" 2>&1 ||
        { tail -n 30 "$work/build-$folder.log" >&2; fail "docker/$folder/Dockerfile does not build: see $work/build-$folder.log"; }
}

# The file system of the image NAME as the folder $work/root, an original for tests/parity; a container of it in $container.
keep_root() {
    container=$(store from --pull-never "localhost/$1")
    rm -rf --one-file-system "$work/root"
    cp -a "$(store mount "$container")" "$work/root"
    store umount "$container" >/dev/null
}

# Options of every command inside. What tells an OpenBLAS about its processor holds there too: OPENBLAS_* and OMP_* of the
# caller.
more=()
while IFS='=' read -r name value; do more+=(--env "$name=$value"); done < <(env | grep -E '^(OPENBLAS|OMP)_' || true)

# A command in $container, as a user who is not root, on $work/runs.
user=12345:12345
inside() {
    store run --isolation=chroot --user "$user" "${more[@]}" --volume "$work/runs:/multiweight/runs" "$container" -- "$@"
}
