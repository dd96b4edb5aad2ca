// SiLU of bf16 by AVX-512: from number to rounded number in registers.
#include "ops/silu/bf16.h"

#include "backend/cpu/level.h"
#include "core/simd.h"
#include "ops/silu/silu.h"

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,fma")))
#endif

#define LANES ((size_t)16)
#define ALL ((__mmask16)0xFFFF)

// The first `inside` numbers of LANES; a constant where all are.
NATIVE __attribute__((always_inline)) static inline void apply_lanes(const uint16_t *x,
                                                                     __mmask16 inside,
                                                                     uint16_t *y) {
    float numbers[LANES];
    const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(inside, x));
    _mm512_storeu_ps(numbers, _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)));
#pragma omp simd
    for (size_t i = 0; i < LANES; i++) {
        numbers[i] = silu_of(numbers[i]);
    }
    const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(numbers));
    if (inside == ALL) {
        _mm256_storeu_epi16(y, rounded);
    } else {
        _mm256_mask_storeu_epi16(y, inside, rounded);
    }
}

NATIVE static void apply_native(const uint16_t *x, size_t count, uint16_t *y) {
    const size_t whole = count / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        apply_lanes(x + i, ALL, y + i);
    }
    if (whole < count) {
        apply_lanes(x + whole, (__mmask16)((1u << (count - whole)) - 1), y + whole);
    }
}

elementwise_bf16 *silu_of_bf16(void) {
    return cpu_level() >= CPU_BF16 ? apply_native : NULL;
}
#else

elementwise_bf16 *silu_of_bf16(void) {
    return NULL;
}
#endif
