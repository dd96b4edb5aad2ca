#!/bin/sh
# sysroot.sh FOLDER PACKAGE...: unpacks Debian's arm64 packages, and all that they need, into FOLDER, for the cross compiler and
# qemu. The machine's own packages and its list of architectures stay as they are. FOLDER is whole or absent, and made once;
# where it cannot be made, FOLDER.missing says why, and the exit status is 1.
set -eu
folder=$1
shift
work=$folder.part

missing() { # missing TEXT
    echo "arm64: $1" >&2
    echo "$1" >"$folder.missing"
    rm -rf "$work"
    exit 1
}

own() { # own COMMAND...: apt-get with lists of its own, for arm64, where nothing is installed
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= \
        -o Dir::State::lists="$work/lists" -o Dir::State::status=/dev/null -o Dir::State::extended_states=/dev/null \
        -o Dir::Cache="$work" -o Dir::Cache::archives="$work/archives" -o Debug::NoLocking=1 -o Acquire::Languages=none "$@"
}

mkdir -p "$(dirname "$folder")"
rm -f "$folder.missing"
for program in aarch64-linux-gnu-gcc qemu-aarch64 apt-get dpkg-deb; do
    command -v $program >/dev/null || missing "there is no $program"
done
[ "$(cat "$folder/packages" 2>/dev/null)" != "$*" ] || exit 0
rm -rf "$folder" "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root"
own update 2>"$work/errors" || true # of several sources one may have nothing for ARM
# Headers of C++ libraries that C does without, and the sanitizers' libraries, are two thirds of it all.
packages=$(own install --no-install-recommends --print-uris "$@" 2>>"$work/errors" |
    sed -n "s/^'[^']*' \([^_]*\)_.*/\1/p" | grep -v -E '^lib(boost.*|[a-z]*san[0-9]+)$') || packages=
# shellcheck disable=SC2086
if [ -z "$packages" ] || ! (cd "$work/archives" && own download $packages) 2>>"$work/errors"; then
    missing "Debian's arm64 packages cannot be had: $(tail -n 1 "$work/errors")"
fi
for archive in "$work"/archives/*.deb; do
    dpkg-deb -x "$archive" "$work/root"
done
echo "$*" >"$work/root/packages"
mv "$work/root" "$folder"
rm -rf "$work"
