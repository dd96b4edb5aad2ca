#!/usr/bin/env bash
# check.sh DEB: the package on a minimal Debian, where there is no compiler, runs README's pipelines as they are installed, and its
# removal leaves nothing behind.
set -eu -o pipefail
# shellcheck disable=SC2016 # for the shell there
exec "$(dirname "$0")/minimal.sh" "$1" /dev/null '
    ! command -v cc gcc make python3
    [ "$(pleura --names | wc -l)" -gt 10 ]
    mkdir /try && cd /try
    bash /usr/share/doc/pleura/examples/pipelines.sh
    [ -s submission.csv ] && [ -s truth.png ]
    apt-get remove -y -qq pleura >/dev/null
    ! find / -xdev -path /proc -prune -o -name "*pleura*" ! -path "/var/*" -print | grep .
    echo "the package runs README'\''s pipelines, and goes without leaving anything"'
