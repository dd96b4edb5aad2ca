#!/usr/bin/env bash
# all.sh BUILD: every line of tests.txt, and every unit test that has none, two at a time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export CMOCKA_MESSAGE_OUTPUT=TAP OMP_WAIT_POLICY=passive
mapfile -t never < <(awk '$1 == "never" { sub("%", "*", $4); print $4 }' "$here/tests.txt")
{
    awk '$1 == "test" || $1 == "nightly" { print $2 }' "$here/tests.txt"
    for program in "$here"/../unit/*/*.c; do
        program=tests/unit/${program#"$here/../unit/"} program=${program%.c}
        for pattern in "${never[@]}"; do
            # shellcheck disable=SC2053 # a pattern
            [[ $program != $pattern ]] || continue 2
        done
        grep -q " $program\( \|$\)" "$here/tests.txt" || echo "$program"
    done
} | parallel --will-cite --no-notice -j "${TEST_JOBS:-2}" --tag "$here/run.sh" "$1"
