#!/usr/bin/env bash
# run.sh BIN BUILD: runs the unit tests, the pipe tests and the figures, two more at a time than there are cores; ends with `N passed, N failed`.
set -u
bin=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$bin:$build/tests/tools:$build:$PATH"
export PLEURA_CUDA=$build/tests/fake-cuda.so # what --device cuda loads
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} CMOCKA_MESSAGE_OUTPUT=TAP
# Several of these run at a time: a thread that waits for the others must not spin, as it does not in the programs either.
export OMP_WAIT_POLICY=passive
log=$build/tests.log
sections=$build/sections
rm -rf "$sections"
mkdir -p "$sections"

# section NAME COMMAND...: its TAP lines go to a file, with NAME in front; what fails is shown.
section() {
    local name=$1 own=$sections/${1//\//-} status TIMEFORMAT="%R s, %U + %S s of processors: $1"
    shift
    { time "$@" </dev/null >"$own.out" 2>&1; } 2>"$own.time"
    status=$?
    # cmocka's skipped tests are not failed ones
    sed -i -E 's/^not ok ([0-9]+) # SKIP (.*)/ok \1 - \2 # SKIP/' "$own.out"
    sed -n -E "s|^(ok\|not ok) [0-9]+ (- )?|\1 $name: |p" "$own.out" >"$own.log"
    if ! grep -q . "$own.log" || { [ $status != 0 ] && ! grep -q '^not ok' "$own.log"; }; then
        echo "not ok $name: ended with status $status" >>"$own.log"
    fi
    if grep '^not ok' "$own.log"; then
        sed 's/^/    /' "$own.out" | tail -n 60
    fi
}
export -f section
export sections

# What programs with networks set themselves, and start anew for.
tunables="env GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072"

filter() { # filter FILE: the section of a file of pipe tests
    local name=${1#"$here/"} with=
    [[ $name != filters/networks/* ]] || with=$tunables
    echo "section ${name%.bats} $with bats --formatter tap $1"
}

# Memory that is freed stays with the program: to map the networks' anew again and again takes half of the tests' time.
keeping="env GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=1073741824"

{ # the longest first
    for name in pipeline plan hosts slurm serve; do
        filter "$here"/filters/*/"$name.bats"
    done
    echo "section parity/cuda $keeping $here/parity/run.sh $build/parity cuda"
    filter "$here"/filters/networks/learning.bats
    echo "section parity $keeping $here/parity/run.sh $build/parity"
    for name in adding data train report kills repair validate hosts_hostile package profiles attack norms predict weights settings readme gpu_check cuda; do
        filter "$here"/filters/*/"$name.bats"
    done
    for test in "$here"/filters/*/*.bats; do
        filter "$test"
    done
    for test in "$here"/unit/*/*.c; do
        name=${test#"$here"/unit/} name=${name%.c}
        command=$build/tests/unit/$name
        [[ $name != cuda/* && $name != onnx/* ]] || command="$keeping $command"
        echo "section unit/$name $command"
    done
    levels=(base avx2 avx512 bf16)
    [ "$(uname -m)" != aarch64 ] || levels=(base neon bf16)
    for level in "${levels[@]}"; do # what other processors would run
        echo "section unit/operations/$level env PLEURA_CPU=$level $build/tests/unit/ops/operations"
        echo "section unit/attention/$level env PLEURA_CPU=$level $build/tests/unit/ops/attention"
        echo "section unit/bf16_products/$level env PLEURA_CPU=$level $build/tests/unit/backend/bf16_products"
    done
    echo "section parity/bf16 $keeping $here/parity/run.sh $build/parity cpu bf16"
    if [ -e "$build/arm64" ]; then
        awk '$1 == "test" { print $2 }' "$here/arm64/tests.txt" | while read -r name; do
            echo "section arm64/$name $here/arm64/run.sh $build $name"
        done
    fi
} | awk '!seen[$0]++' | parallel --will-cite --no-notice -j "${TEST_JOBS:-$(($(nproc) + 2))}" # of which some wait most of the time
cat "$sections"/*.log >"$log"

skipped=$(grep -c -i '# skip' "$log")
passed=$(($(grep -c '^ok' "$log") - skipped))
failed=$(grep -c '^not ok' "$log")
[ "$skipped" = 0 ] || grep -i '# skip' "$log"
summary="$passed passed, $failed failed"
[ "$skipped" = 0 ] || summary="$summary, $skipped skipped"
echo "$summary"
[ "$failed" = 0 ]
