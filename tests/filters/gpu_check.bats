#!/usr/bin/env bats
# The GPU check, tried on the stand-in: what it counts, and what it says where there is no GPU.

load helpers

setup_file() {
    ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export ROOT
    ldd "$(command -v train-fold)" | grep -q libasan ||
        env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$ROOT" -j2 PLAIN=1 CUDA=0 gpu-tools
}

setup() {
    not_sanitized "it builds its own programs"
    [ -e "${PLEURA_CUDA:-}" ] || skip "the stand-in is not built"
    export OUT=$BATS_TEST_TMPDIR
    cd "$ROOT"
}

@test "what it builds needs no package" {
    no grep -rlE '/usr/include/.*(msgpack|png|turbojpeg|gdcm|xxhash|jansson|zlib|dnnl|oneapi|cmocka)' build/plain/obj --include=*.d
    for program in parity tests/unit/cuda/cuda tests/gpu/learn; do
        [ "$(ldd build/plain/$program | grep -vcE 'vdso|ld-linux|lib(c|m|gcc_s|gomp|dl|pthread)\.so')" = 0 ]
    done
    build/plain/parity tests/golden/{data,losses}.json >"$OUT/figures"
    [ "$(grep -c '"ok":true' "$OUT/figures")" = "$(wc -l <"$OUT/figures")" ]
}

@test "without a GPU it says so, and ends with 77" {
    FAKE_CUDA_ABSENT=1 fails 77 "no CUDA-capable device" tests/gpu/check.sh
}

@test "operations, losses and optimiser are counted" {
    TRIAL=convolution tests/gpu/check.sh operations >"$OUT/said"
    [ "$(tail -n 1 "$OUT/said")" = "9 passed, 0 failed" ]
    PLEURA_CUDA=/dev/null fails 1 "" tests/gpu/check.sh operations
    [[ $output == *"not ok - operations"*" failed" ]]
}

@test "figures that are off are failures" {
    mkdir -p "$OUT/tree/tests" "$OUT/tree/build"
    cp -r tests/gpu "$OUT/tree/tests/"
    mkdir "$OUT/tree/tests/golden"
    ln -s "$ROOT/build/plain" "$OUT/tree/build/plain"
    sed 's/"loss":/"loss":1/' tests/golden/bisenet-resnet18-eval.json >"$OUT/tree/tests/golden/bisenet-resnet18-eval.json"
    cp tests/golden/bisenet-resnet18-train.json "$OUT/tree/tests/golden/"
    no "$OUT/tree/tests/gpu/check.sh" parity >"$OUT/said"
    grep -q 'ok - parity-f32: .*outputs' "$OUT/said"
    grep -q 'not ok - parity-f32: .*eval.*loss' "$OUT/said"
    grep -q 'not ok - parity-bf16: .*eval.*loss' "$OUT/said"
    [ "$(tail -n 1 "$OUT/said" | grep -oE '[0-9]+ failed')" = "2 failed" ]
}

@test "a short run gives the same bytes twice, and the CPU's losses" {
    learn() { build/plain/tests/gpu/learn --network bisenet-resnet18 --side 64 --batch 2 --iterations 4 --accumulate 2 --rate 1e-6 "$@"; }
    learn >"$OUT/one"
    learn >"$OUT/two"
    cmp "$OUT/one" "$OUT/two"
    learn --device cpu >"$OUT/cpu"
    python3 tests/gpu/curves.py near 0.02 "$OUT/cpu" "$OUT/one"
    learn --seed 2 >"$OUT/other"
    no python3 tests/gpu/curves.py near 0.02 "$OUT/cpu" "$OUT/other"
}

@test "curves are compared by their ends" {
    run_of() { echo "{\"losses\":[9,9,9,9,$1,$2]}" >"$OUT/$3"; }
    run_of 2 1.0 a
    run_of 2 1.4 b
    run_of 2 1.2 inside
    run_of 2 1.6 outside
    run_of 9 9.5 diverged
    cd "$OUT"
    python3 "$ROOT/tests/gpu/curves.py" spread a b -- inside a
    no python3 "$ROOT/tests/gpu/curves.py" spread a b -- outside b
    no python3 "$ROOT/tests/gpu/curves.py" spread a diverged -- diverged
    echo '{"losses":[NaN]}' >nan
    no python3 "$ROOT/tests/gpu/curves.py" near 1 a nan
}
