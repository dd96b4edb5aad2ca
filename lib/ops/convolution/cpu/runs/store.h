// Sums rounded to bf16 by AVX-512, for files that define NATIVE, the target's attribute, and have
// its intrinsics.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_RUNS_STORE_H
#define PLEURA_OPS_CONVOLUTION_CPU_RUNS_STORE_H

#include "ops/convolution/cpu/epilogue.h"

#include <math.h>
#include <stdint.h>

// What becomes of a panel's sums.
struct run_store {
    __m512 bias, least;
    __mmask16 inside; // lanes that are stored
    bool sum;
};

// Of `count` numbers from number `first` of a column on.
NATIVE static inline struct run_store run_store_of(struct epilogue epilogue, size_t first,
                                                   size_t count) {
    const __mmask16 inside = (__mmask16)(count < 16 ? (1u << count) - 1 : 0xFFFFu);
    return (struct run_store){
        epilogue.bias != NULL ? _mm512_maskz_loadu_ps(inside, epilogue.bias + first)
                              : _mm512_setzero_ps(),
        _mm512_set1_ps(epilogue.relu ? 0.0F : -INFINITY), inside, epilogue.sum};
}

// Whether whole panels are stored, without the sum of what is there.
NATIVE static inline bool run_stores_whole(const struct run_store *store) {
    return !store->sum && store->inside == 0xFFFF;
}

// `whole`: run_stores_whole, or false.
NATIVE __attribute__((always_inline)) static inline void run_store(const struct run_store *store,
                                                                   bool whole, __m512 sums,
                                                                   uint16_t *to) {
    __m512 sum = _mm512_add_ps(sums, store->bias);
    if (!whole && store->sum) {
        const __m512i before = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(store->inside, to));
        sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_slli_epi32(before, 16)));
    }
    // Of two of which one is no number, max is the second.
    const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_max_ps(store->least, sum));
    if (whole) {
        _mm256_storeu_epi16(to, rounded);
    } else {
        _mm256_mask_storeu_epi16(to, store->inside, rounded);
    }
}

#endif
