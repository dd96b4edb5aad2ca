// Squares of pairs of bf16, transposed by AVX-512, for files that define NATIVE, the target's
// attribute, and have its intrinsics.

// 16 vectors of 16 pairs, transposed: by 2 x 2 pairs, by 4 x 4, then by quarters of vectors.
NATIVE static inline void transpose_pairs(__m512i v[16]) {
    __m512i w[16];
#pragma GCC unroll 8
    for (size_t i = 0; i < 16; i += 2) {
        w[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        w[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(w[i], w[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(w[i], w[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(w[i + 1], w[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(w[i + 1], w[i + 3]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        const __m512i even = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        const __m512i more_even = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xDD);
        const __m512i more_odd = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xDD);
        w[i] = _mm512_shuffle_i32x4(even, more_even, 0x88);
        w[i + 4] = _mm512_shuffle_i32x4(odd, more_odd, 0x88);
        w[i + 8] = _mm512_shuffle_i32x4(even, more_even, 0xDD);
        w[i + 12] = _mm512_shuffle_i32x4(odd, more_odd, 0xDD);
    }
    memcpy(v, w, sizeof w);
}
