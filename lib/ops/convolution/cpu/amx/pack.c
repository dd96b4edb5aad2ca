// Packing by AVX-512, which all processors with matrix units have.
#include "ops/convolution/cpu/amx/pack.h"

#include "core/simd.h"

#include <string.h>

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif
#include "backend/cpu/products/transpose_pairs.h"

NATIVE static inline __mmask16 lanes(size_t count) {
    return (__mmask16)(count < AMX_SIDE ? (1u << count) - 1 : 0xFFFFu);
}

// Of channels from `channel` on: pairs of the pixels `pixel` and the next.
NATIVE static inline __m512i pair_at(const struct amx_pixels *pixels, size_t pixel,
                                     size_t channel) {
    const __mmask16 inside = lanes(pixels->channels - channel);
    const __m256i even = _mm256_maskz_loadu_epi16(inside, pixels->at[pixel] + channel);
    const __m256i odd = _mm256_maskz_loadu_epi16(inside, pixels->at[pixel + 1] + channel);
    return _mm512_or_si512(_mm512_cvtepu16_epi32(even),
                           _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}

NATIVE static void rows_native(struct amx_pixels pixels, uint16_t *to, size_t step) {
    for (size_t pixel = 0; pixel < pixels.count; pixel += AMX_DEPTH) {
        for (size_t channel = 0; channel < pixels.channels; channel += AMX_SIDE) {
            __m512i pairs[AMX_SIDE];
#pragma GCC unroll 16
            for (size_t i = 0; i < AMX_SIDE; i++) {
                pairs[i] = pair_at(&pixels, pixel + 2 * i, channel);
            }
            transpose_pairs(pairs);
#pragma GCC unroll 16
            for (size_t i = 0; i < AMX_SIDE; i++) {
                _mm512_storeu_si512(to + (channel + i) * step + pixel, pairs[i]);
            }
        }
    }
}

NATIVE static void panels_native(struct amx_pixels pixels, uint16_t *to, size_t step) {
    for (size_t pixel = 0; pixel < pixels.count; pixel += 2) {
        for (size_t channel = 0; channel < pixels.channels; channel += AMX_SIDE) {
            _mm512_storeu_si512(to + channel / AMX_SIDE * step + pixel * AMX_SIDE,
                                pair_at(&pixels, pixel, channel));
        }
    }
}

const struct amx_functions *amx_functions_here(void) {
    static const struct amx_functions functions = {.begin = cpu_amx_begin,
                                                   .end = cpu_amx_end,
                                                   .gemm = cpu_amx_begun_gemm,
                                                   .rows = rows_native,
                                                   .panels = panels_native};
    return cpu_amx_gemm() != NULL ? &functions : NULL;
}
#else

const struct amx_functions *amx_functions_here(void) {
    return NULL;
}
#endif
