#!/usr/bin/env bash
# run.sh BUILD NAME: the line NAME of tests.txt, or a unit test that has none, by BUILD/arm64's programs, as TAP lines; where
# they could not be built, one skipped test.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
arm64=$1/arm64
if [ -s "$arm64/sysroot.missing" ]; then
    echo "ok 1 - arm64 # SKIP $(cat "$arm64/sysroot.missing")"
    exit 0
fi
words=()
read -r -a words < <(awk -v name="$2" '!/^#/ && $2 == name { $1 = $2 = ""; print }' "$here/tests.txt") || true
[ ${#words[@]} != 0 ] || words=(max "$2")
processor=${words[0]}
words=("${words[@]:1}")
while [[ ${words[0]} == *=* ]]; do
    export "${words[0]?}"
    words=("${words[@]:1}")
done
program=("$arm64/${words[0]}" "${words[@]:1}")
[ "${words[0]}" != parity ] || program=("$arm64/parity" --device cpu "$here/../golden/${words[1]}.json")
qemu-aarch64 -cpu "$processor" -L "$arm64/sysroot" -E LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu "${program[@]}" |
    if [ "${words[0]}" = parity ]; then
        awk '{ print (/"ok":true/ ? "ok " : "not ok ") NR " - " $0 }'
    else
        cat
    fi
