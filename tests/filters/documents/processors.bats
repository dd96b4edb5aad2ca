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

@test "ARM: PLEURA_CPU has names of its own" {
    arm64=$(dirname "$(command -v parity)")/arm64
    [ -x "$arm64/parity" ] && [ ! -s "$arm64/sysroot.missing" ] || skip "nothing was built for ARM"
    PLEURA_CPU=avx2 fails 1 "PLEURA_CPU=avx2: there are base, neon and bf16" qemu-aarch64 -L "$arm64/sysroot" \
        -E LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu "$arm64/parity" "$ROOT/tests/golden/bisenet-resnet18_w16-train.json"
}
