#!/bin/sh
# deps.sh PACKAGE...: installs the Debian packages that are missing, with sudo when not root.
set -eu
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}|' "$@" 2>/dev/null || true)
missing=
for package in "$@"; do
    case "|$installed" in
    *"|$package installed|"*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "deps: this is no Debian: please install what corresponds to:$missing" >&2
    exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
