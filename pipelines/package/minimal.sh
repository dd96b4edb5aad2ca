#!/usr/bin/env bash
# minimal.sh DEB TARGET [COMMANDS]: a minimal Debian with the package DEB installed, from this machine's own package sources, as
# TARGET (an archive, or /dev/null). COMMANDS are run in it by a shell first, with nothing of this one's environment.
set -eu -o pipefail
target=$2
export DEB=$1 COMMANDS=${3-:}
# shellcheck disable=SC1091
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
shopt -s nullglob
# Other makers' sources have keys that a new system lacks.
mapfile -t sources < <(grep -lw "$suite" /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null)
# shellcheck disable=SC2016 # for the hooks' shell, whose $1 is the new system
exec mmdebstrap --quiet --variant=minbase --include=ca-certificates,zstd \
    --customize-hook='cp "$DEB" "$1/package.deb"' \
    --customize-hook='chroot "$1" apt-get install -y -qq --no-install-recommends /package.deb >/dev/null' \
    --customize-hook='rm "$1/package.deb"' \
    --customize-hook='chroot "$1" env -i PATH=/usr/bin:/bin HOME=/root sh -euc "$COMMANDS"' \
    "$suite" "$target" "${sources[@]}"
