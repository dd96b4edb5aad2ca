// The intrinsics of code for AVX-512 as loops over numbers, for processors without AVX-512: what
// Intel's manual, volume 2, says that the instructions do.
#ifndef PLEURA_TESTS_UNIT_BACKEND_AVX512_EMULATION_H
#define PLEURA_TESTS_UNIT_BACKEND_AVX512_EMULATION_H

#include "backend/bf16.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float __m512 __attribute__((vector_size(64)));
typedef int64_t __m512i __attribute__((vector_size(64)));
typedef int16_t __m512bh __attribute__((vector_size(64)));
typedef int64_t __m256i __attribute__((vector_size(32)));
typedef int16_t __m256bh __attribute__((vector_size(32)));
typedef uint16_t __mmask16;

// A vector as numbers of each kind.
union lanes {
    __m512 vector;
    __m512i integers;
    __m512bh halves;
    float f32[16];
    uint8_t u8[64];
    uint16_t u16[32];
    uint32_t u32[16];
    uint64_t u64[8];
};

static inline __m512 _mm512_setzero_ps(void) {
    return (__m512){0};
}

static inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void *from) {
    union lanes to = {.f32 = {0}};
    for (size_t i = 0; i < 16; i++) {
        if (mask >> i & 1) {
            memcpy(&to.f32[i], (const char *)from + i * sizeof(float), sizeof(float));
        }
    }
    return to.vector;
}

static inline __m512 _mm512_loadu_ps(const void *from) {
    return _mm512_maskz_loadu_ps(0xFFFF, from);
}

static inline __m512i _mm512_loadu_si512(const void *from) {
    union lanes to;
    memcpy(&to, from, sizeof to);
    return to.integers;
}

static inline __m512i _mm512_set1_epi32(int number) {
    union lanes to;
    for (size_t i = 0; i < 16; i++) {
        to.u32[i] = (uint32_t)number;
    }
    return to.integers;
}

// The first argument is the last number.
#define _mm512_set_epi16(...) emulated_reversed((const uint16_t[32]){__VA_ARGS__})
static inline __m512i emulated_reversed(const uint16_t numbers[32]) {
    union lanes to;
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = numbers[31 - i];
    }
    return to.integers;
}

static inline void _mm512_storeu_ps(void *to, __m512 from) {
    memcpy(to, &from, sizeof from);
}

static inline void _mm512_mask_storeu_epi32(void *to, __mmask16 mask, __m512i from) {
    const union lanes numbers = {.integers = from};
    for (size_t i = 0; i < 16; i++) {
        if (mask >> i & 1) {
            memcpy((char *)to + i * sizeof(uint32_t), &numbers.u32[i], sizeof(uint32_t));
        }
    }
}

static inline void _mm256_mask_storeu_epi16(void *to, __mmask16 mask, __m256i from) {
    uint16_t numbers[16];
    memcpy(numbers, &from, sizeof numbers);
    for (size_t i = 0; i < 16; i++) {
        if (mask >> i & 1) {
            memcpy((char *)to + i * sizeof(uint16_t), &numbers[i], sizeof(uint16_t));
        }
    }
}

static inline void _mm256_storeu_epi16(void *to, __m256i from) {
    _mm256_mask_storeu_epi16(to, 0xFFFF, from);
}

static inline __m256bh _mm512_cvtneps_pbh(__m512 from) {
    const union lanes numbers = {.vector = from};
    uint16_t rounded[16];
    __m256bh to;
    for (size_t i = 0; i < 16; i++) {
        rounded[i] = bf16_from(numbers.f32[i]);
    }
    memcpy(&to, rounded, sizeof to);
    return to;
}

static inline __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
    const union lanes numbers[2] = {{.vector = low}, {.vector = high}};
    union lanes to;
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = bf16_from(numbers[i / 16].f32[i % 16]);
    }
    return to.halves;
}

static inline __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh one, __m512bh other) {
    const union lanes a = {.halves = one};
    const union lanes b = {.halves = other};
    union lanes to = {.vector = sum};
    for (size_t i = 0; i < 16; i++) {
        to.f32[i] += bf16_to(a.u16[2 * i + 1]) * bf16_to(b.u16[2 * i + 1]);
        to.f32[i] += bf16_to(a.u16[2 * i]) * bf16_to(b.u16[2 * i]);
    }
    return to.vector;
}

// Sums wrap.
static inline __m512i _mm512_dpwssd_epi32(__m512i sum, __m512i one, __m512i other) {
    const union lanes a = {.integers = one};
    const union lanes b = {.integers = other};
    union lanes to = {.integers = sum};
    for (size_t i = 0; i < 32; i++) {
        to.u32[i / 2] += (uint32_t)((int16_t)a.u16[i] * (int16_t)b.u16[i]);
    }
    return to.integers;
}

static inline __m512 _mm512_cvtepi32_ps(__m512i from) {
    const union lanes numbers = {.integers = from};
    union lanes to;
    for (size_t i = 0; i < 16; i++) {
        to.f32[i] = (float)(int32_t)numbers.u32[i];
    }
    return to.vector;
}

static inline __m512i _mm512_permutexvar_epi16(__m512i index, __m512i from) {
    const union lanes at = {.integers = index};
    const union lanes numbers = {.integers = from};
    union lanes to;
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = numbers.u16[at.u16[i] % 32];
    }
    return to.integers;
}

// Of each quarter of two vectors the lower or upper half's numbers, in turns.
static inline __m512i emulated_unpack_epi32(__m512i one, __m512i other, size_t half) {
    const union lanes a = {.integers = one};
    const union lanes b = {.integers = other};
    union lanes to;
    for (size_t i = 0; i < 16; i++) {
        const size_t at = i / 4 * 4 + 2 * half + i % 4 / 2;
        to.u32[i] = i % 2 == 0 ? a.u32[at] : b.u32[at];
    }
    return to.integers;
}
#define _mm512_unpacklo_epi32(a, b) emulated_unpack_epi32(a, b, 0)
#define _mm512_unpackhi_epi32(a, b) emulated_unpack_epi32(a, b, 1)

static inline __m512i emulated_unpack_epi64(__m512i one, __m512i other, size_t half) {
    const union lanes a = {.integers = one};
    const union lanes b = {.integers = other};
    union lanes to;
    for (size_t i = 0; i < 8; i++) {
        to.u64[i] = i % 2 == 0 ? a.u64[i + half] : b.u64[i - 1 + half];
    }
    return to.integers;
}
#define _mm512_unpacklo_epi64(a, b) emulated_unpack_epi64(a, b, 0)
#define _mm512_unpackhi_epi64(a, b) emulated_unpack_epi64(a, b, 1)

// Quarters of the first vector, then of the second, by two bits each.
static inline __m512i _mm512_shuffle_i32x4(__m512i one, __m512i other, int which) {
    const union lanes from[2] = {{.integers = one}, {.integers = other}};
    union lanes to;
    for (size_t quarter = 0; quarter < 4; quarter++) {
        const size_t at = (size_t)which >> 2 * quarter & 3;
        memcpy(&to.u64[2 * quarter], &from[quarter / 2].u64[2 * at], 2 * sizeof(uint64_t));
    }
    return to.integers;
}

static inline void _mm512_storeu_si512(void *to, __m512i from) {
    memcpy(to, &from, sizeof from);
}

static inline __m512 _mm512_set1_ps(float number) {
    union lanes to;
    for (size_t i = 0; i < 16; i++) {
        to.f32[i] = number;
    }
    return to.vector;
}

static inline __m512 _mm512_max_ps(__m512 one, __m512 other) {
    const union lanes a = {.vector = one};
    union lanes to = {.vector = other};
    for (size_t i = 0; i < 16; i++) {
        to.f32[i] = a.f32[i] > to.f32[i] ? a.f32[i] : to.f32[i];
    }
    return to.vector;
}

static inline __m512 _mm512_add_ps(__m512 one, __m512 other) {
    return one + other;
}

static inline __m512 _mm512_sub_ps(__m512 one, __m512 other) {
    return one - other;
}

static inline __m512 _mm512_mul_ps(__m512 one, __m512 other) {
    return one * other;
}

static inline float _mm512_reduce_add_ps(__m512 from) {
    union lanes numbers = {.vector = from};
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            numbers.f32[i] += numbers.f32[i + half];
        }
    }
    return numbers.f32[0];
}

static inline __m512 _mm512_castsi512_ps(__m512i from) {
    const union lanes to = {.integers = from};
    return to.vector;
}

static inline __m512 _mm512_fmadd_ps(__m512 one, __m512 other, __m512 sum) {
    const union lanes a = {.vector = one};
    const union lanes b = {.vector = other};
    union lanes to = {.vector = sum};
    for (size_t i = 0; i < 16; i++) {
        to.f32[i] = fmaf(a.f32[i], b.f32[i], to.f32[i]);
    }
    return to.vector;
}

static inline __m512i _mm512_slli_epi32(__m512i from, unsigned bits) {
    union lanes to = {.integers = from};
    for (size_t i = 0; i < 16; i++) {
        to.u32[i] <<= bits;
    }
    return to.integers;
}

static inline __m512i _mm512_srli_epi16(__m512i from, unsigned bits) {
    union lanes to = {.integers = from};
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = (uint16_t)(to.u16[i] >> bits);
    }
    return to.integers;
}

static inline __m512i _mm512_add_epi16(__m512i from, __m512i more) {
    const union lanes numbers = {.integers = more};
    union lanes to = {.integers = from};
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = (uint16_t)(to.u16[i] + numbers.u16[i]);
    }
    return to.integers;
}

static inline __m512i _mm512_sub_epi16(__m512i from, __m512i less) {
    const union lanes numbers = {.integers = less};
    union lanes to = {.integers = from};
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = (uint16_t)(to.u16[i] - numbers.u16[i]);
    }
    return to.integers;
}

// Where the mask has ones, of the second.
static inline __m512i _mm512_mask_blend_epi16(uint32_t mask, __m512i one, __m512i other) {
    const union lanes b = {.integers = other};
    union lanes to = {.integers = one};
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = mask >> i & 1 ? b.u16[i] : to.u16[i];
    }
    return to.integers;
}

static inline __m512i _mm512_maskz_permutexvar_epi8(uint64_t mask, __m512i index, __m512i from) {
    const union lanes at = {.integers = index};
    const union lanes numbers = {.integers = from};
    union lanes to;
    for (size_t i = 0; i < 64; i++) {
        to.u8[i] = mask >> i & 1 ? numbers.u8[at.u8[i] % 64] : 0;
    }
    return to.integers;
}

// Of numbers of two vectors, one behind the other.
static inline __m512i _mm512_permutex2var_epi16(__m512i one, __m512i index, __m512i other) {
    const union lanes at = {.integers = index};
    const union lanes from[2] = {{.integers = one}, {.integers = other}};
    union lanes to;
    for (size_t i = 0; i < 32; i++) {
        to.u16[i] = from[at.u16[i] / 32 % 2].u16[at.u16[i] % 32];
    }
    return to.integers;
}

static inline __m512i _mm512_maskz_permutex2var_epi8(uint64_t mask, __m512i one, __m512i index,
                                                     __m512i other) {
    const union lanes at = {.integers = index};
    const union lanes from[2] = {{.integers = one}, {.integers = other}};
    union lanes to;
    for (size_t i = 0; i < 64; i++) {
        to.u8[i] = mask >> i & 1 ? from[at.u8[i] / 64 % 2].u8[at.u8[i] % 64] : 0;
    }
    return to.integers;
}

// Each bit is the bit of `table` that those of the three vectors choose; the emulation has `or`.
#define _mm512_ternarylogic_epi32(a, b, c, table)                                                  \
    ((void)sizeof(char[(table) == 0xFE ? 1 : -1]), (a) | (b) | (c))

static inline __m512i _mm512_and_si512(__m512i one, __m512i other) {
    return one & other;
}

static inline __mmask16 _mm512_cmpneq_epi32_mask(__m512i one, __m512i other) {
    const union lanes a = {.integers = one};
    const union lanes b = {.integers = other};
    unsigned mask = 0;
    for (size_t i = 0; i < 16; i++) {
        mask |= (unsigned)(a.u32[i] != b.u32[i]) << i;
    }
    return (__mmask16)mask;
}

static inline __m512i _mm512_or_si512(__m512i one, __m512i other) {
    return one | other;
}

static inline __m256i _mm256_maskz_loadu_epi16(__mmask16 mask, const void *from) {
    uint16_t numbers[16] = {0};
    __m256i to;
    for (size_t i = 0; i < 16; i++) {
        if (mask >> i & 1) {
            memcpy(&numbers[i], (const char *)from + i * sizeof(uint16_t), sizeof(uint16_t));
        }
    }
    memcpy(&to, numbers, sizeof to);
    return to;
}

static inline __m512i _mm512_cvtepu16_epi32(__m256i from) {
    uint16_t numbers[16];
    union lanes to;
    memcpy(numbers, &from, sizeof numbers);
    for (size_t i = 0; i < 16; i++) {
        to.u32[i] = numbers[i];
    }
    return to.integers;
}

#endif
