#!/usr/bin/env bash
# run.sh BIN BUILD: runs the unit tests, the pipe tests and the figures; ends with `N passed, N failed`.
set -u
bin=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$bin:$build/tests/tools:$build:$PATH"
log=$build/tests.log
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
: >"$log"

section() { # section NAME COMMAND...: its TAP lines go to the log, with NAME in front
    local name=$1 status
    shift
    "$@" </dev/null >"$build/section.log" 2>&1
    status=$?
    # cmocka's skipped tests are not failed ones
    sed -i -E 's/^not ok ([0-9]+) # SKIP (.*)/ok \1 - \2 # SKIP/' "$build/section.log"
    sed -n -E "s|^(ok\|not ok) [0-9]+ (- )?|\1 $name: |p" "$build/section.log" | tee -a "$log" | grep '^not ok'
    if ! grep -q -E '^(not )?ok ' "$build/section.log" || { [ $status != 0 ] && ! grep -q '^not ok' "$build/section.log"; }; then
        echo "not ok $name: ended with status $status" | tee -a "$log"
    fi
    if grep -q '^not ok' "$build/section.log" || [ $status != 0 ]; then
        sed 's/^/    /' "$build/section.log" | tail -n 60
    fi
}

for test in "$here"/unit/*.c; do
    name=$(basename "$test" .c)
    CMOCKA_MESSAGE_OUTPUT=TAP section "unit/$name" "$build/tests/unit/$name"
done
for test in "$here"/filters/*.bats; do
    section "filters/$(basename "$test" .bats)" bats --formatter tap "$test"
done
section parity "$here/parity/run.sh" "$build/parity"

skipped=$(grep -c -i '# skip' "$log")
passed=$(($(grep -c '^ok' "$log") - skipped))
failed=$(grep -c '^not ok' "$log")
[ "$skipped" = 0 ] || grep -i '# skip' "$log"
summary="$passed passed, $failed failed"
[ "$skipped" = 0 ] || summary="$summary, $skipped skipped"
echo "$summary"
[ "$failed" = 0 ]
