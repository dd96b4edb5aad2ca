#!/usr/bin/env bash
# all.sh BUILD: every line of tests.txt, two at a time; what fails is shown.
set -u
here=$(cd "$(dirname "$0")" && pwd)
export CMOCKA_MESSAGE_OUTPUT=TAP OMP_WAIT_POLICY=passive
awk '!/^#/ { print $2 }' "$here/tests.txt" |
    parallel --will-cite --no-notice -j "${TEST_JOBS:-2}" --tag "$here/run.sh" "$1" | grep -v $'\t[1-9][0-9]*\\.\\.'
[ "${PIPESTATUS[1]}" = 0 ]
