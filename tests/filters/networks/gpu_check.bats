#!/usr/bin/env bats
# The GPU check in its bundle, tried on the stand-in: what it counts, and what it says where there is no GPU.

load ../helpers

setup() {
    not_sanitized "the bundle is of ordinary programs"
    [ -e "${PLEURA_CUDA:-}" ] || skip "the stand-in is not built"
    export OUT=$BATS_TEST_TMPDIR
    cd "$(dirname "$(command -v parity)")/gpu-bundle"
}

# in_bundle FILE: nothing that it loads comes from outside of the bundle, save the C library, CUDA's and cuDNN's
in_bundle() {
    no grep -vE "=> $PWD/bin/../lib/|^[[:space:]]*(linux-vdso|/lib64/ld-linux-|ld-linux-|lib(c|m|cudnn|cublas|cublasLt|dl|pthread|rt)\.so)" \
        <(ldd "$1")
}

@test "the bundle has all libraries that its programs load" {
    for program in bin/*; do
        in_bundle "$program"
    done
    no ls lib/lib{c,m,cuda,cudart,cudnn,cublas,cublasLt}.so*
}

@test "it runs where there is nothing but the C library" {
    local root=$BATS_TEST_TMPDIR/root
    unshare -rm true || skip "a user may not change the root here"
    inside() { unshare -rm sh -c 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' "$root" "$@"; }
    mkdir -p "$root"/{lib64,proc,dev,bundle}
    ln -s lib64 "$root/lib"
    ldd bin/* "$PLEURA_CUDA" | grep -oE '/(lib64/ld-linux-x86-64|[^ ]*/lib(c|m|dl|pthread|rt))\.so[.0-9]*' | sort -u |
        xargs cp -Lt "$root/lib64/"
    cp -r bin lib "$root/bundle/"
    cp "$PLEURA_CUDA" "${PLEURA_CUDA%/*}/fake-index.so" "$root/bundle/lib/" # the stand-in is two objects
    export PLEURA_CUDA=/bundle/lib/${PLEURA_CUDA##*/}
    inside /bundle/bin/train-fold --help | grep -q -e --network
    mkdir "$root/bundle/dicom"
    make-dicom "$root/bundle/dicom"
    fails 1 "GDCM cannot decompress it" inside /bundle/bin/decode /bundle/dicom/1.2.840.10008.1.2.4.80.dcm -o /bundle/out
    TRIAL=convolution inside /bundle/bin/cuda
    # By oneDNN, which no program is linked with.
    PLEURA_CPU=base inside /bundle/bin/learn --device cpu --network bisenet-resnet18_w16 --side 64 --batch 2 --iterations 1 |
        grep -q losses
    inside /bundle/bin/learn --network bisenet-resnet18_w16 --side 64 --batch 2 --iterations 1 | grep -q losses
}

@test "without a GPU it says so, and ends with 77" {
    FAKE_CUDA_DEVICES=0 fails 77 "no CUDA-capable device" tests/gpu/check.sh
}

@test "operations, losses and optimiser are counted" {
    TRIAL=convolution tests/gpu/check.sh operations >"$OUT/said"
    [ "$(tail -n 1 "$OUT/said")" = "11 passed, 0 failed" ]
    PLEURA_CUDA=/dev/null fails 1 "" tests/gpu/check.sh operations
    [[ $output == *"not ok - operations"*" failed" ]]
}

@test "figures that are off are failures" {
    mkdir -p "$OUT/tree/tests"
    cp -r tests/gpu "$OUT/tree/tests/"
    mkdir "$OUT/tree/tests/golden"
    ln -s "$PWD/bin" "$OUT/tree/bin"
    sed 's/"loss":/"loss":1/' tests/golden/bisenet-resnet18-eval.json >"$OUT/tree/tests/golden/bisenet-resnet18-eval.json"
    cp tests/golden/bisenet-resnet18_w16-train.json "$OUT/tree/tests/golden/"
    no "$OUT/tree/tests/gpu/check.sh" parity >"$OUT/said"
    grep -q 'ok - parity-f32: .*outputs' "$OUT/said"
    grep -q 'not ok - parity-f32: .*eval.*loss' "$OUT/said"
    grep -q 'not ok - parity-bf16: .*eval.*loss' "$OUT/said"
    [ "$(tail -n 1 "$OUT/said" | grep -oE '[0-9]+ failed')" = "2 failed" ]
}

@test "a short run gives the same bytes twice, and the CPU's losses" {
    learn() { bin/learn --network bisenet-resnet18_w16 --side 64 --batch 2 --iterations 4 --accumulate 2 --rate 1e-6 "$@"; }
    learn >"$OUT/one"
    learn >"$OUT/two"
    cmp "$OUT/one" "$OUT/two"
    learn --device cpu >"$OUT/cpu"
    /usr/bin/python3 tests/gpu/curves.py near 0.02 "$OUT/cpu" "$OUT/one"
    learn --seed 2 >"$OUT/other"
    no /usr/bin/python3 tests/gpu/curves.py near 0.02 "$OUT/cpu" "$OUT/other"
}

@test "curves are compared by their ends" {
    run_of() { echo "{\"losses\":[9,9,9,9,$1,$2]}" >"$OUT/$3"; }
    run_of 2 1.0 a
    run_of 2 1.4 b
    run_of 2 1.2 inside
    run_of 2 1.6 outside
    run_of 9 9.5 diverged
    local bundle=$PWD
    cd "$OUT"
    /usr/bin/python3 "$bundle/tests/gpu/curves.py" spread a b -- inside a
    no /usr/bin/python3 "$bundle/tests/gpu/curves.py" spread a b -- outside b
    no /usr/bin/python3 "$bundle/tests/gpu/curves.py" spread a diverged -- diverged
    echo '{"losses":[NaN]}' >nan
    no /usr/bin/python3 "$bundle/tests/gpu/curves.py" near 1 a nan
}
