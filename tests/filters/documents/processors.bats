#!/usr/bin/env bats
# Processors that there is code for, and those that there is none for: what is said of them. What ARM's code computes is tested by
# tests/arm64.

load ../helpers

includes_simd() { # includes_simd COMPILER...: with the header that all code for processors includes
    "$@" -E -I"$ROOT/lib" "$ROOT/lib/core/simd.h"
}

@test "big-endian processors are refused by the compiler, in words" {
    includes_simd cc >/dev/null
    fails 1 "needs a little-endian processor" includes_simd cc -U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__
    command -v aarch64-linux-gnu-gcc || skip "no cross compiler"
    includes_simd aarch64-linux-gnu-gcc >/dev/null
    fails 1 "needs a little-endian processor" includes_simd aarch64-linux-gnu-gcc -mbig-endian
}

# arm PROGRAM ARGUMENT...: by an emulated processor with all that qemu knows.
arm() {
    local program=$1
    shift
    qemu-aarch64 -cpu max -L "$ARM64/sysroot" -E LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu "$ARM64/$program" "$@"
}

has_arm() {
    ARM64=$(dirname "$(command -v parity)")/arm64
    if [ ! -x "$ARM64/parity" ] || [ -s "$ARM64/sysroot.missing" ]; then
        skip "nothing was built for ARM"
    fi
}

@test "ARM: PLEURA_CPU has names of its own" {
    has_arm
    PLEURA_CPU=avx2 fails 1 "PLEURA_CPU=avx2: there are base, neon and bf16" \
        arm parity "$ROOT/tests/golden/bisenet-resnet18_w16-train.json"
}

@test "ARM: samples have the same bytes as here, and a fold the same for any number of threads" {
    has_arm
    cd "$BATS_TEST_TMPDIR"
    make-samples -n 2 >samples.mpk
    augment -q --side 32 samples.mpk -o here.mpk
    arm bin/augment -q --side 32 samples.mpk -o there.mpk
    cmp here.mpk there.mpk
    for threads in 1 3; do
        arm bin/train-fold -q --precision bf16 --threads $threads --network bisenet-resnet18_w16 --iterations 1 --batch 2 \
            --accumulate 1 fold$threads there.mpk
    done
    cmp fold1/last.mpk fold3/last.mpk
}
