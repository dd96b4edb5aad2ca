// Products of int16 by AVX-512 VNNI, which adds up pairs of them: a block of C stays in registers
// while pairs of A are broadcast to it.
#include "backend/cpu/products/int16/int16.h"

#include "backend/cpu/level.h"

#include <string.h>

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#endif

#define PANEL CPU_F32_PANEL
#define PANELS 4 // of a block of C,
#define ROWS 6   // by so many rows at most: 24 of the 32 registers

// Of __m512i, which has eight numbers, GCC 12 keeps no array in registers.
typedef int32_t sixteen __attribute__((vector_size(64)));

// A block of `rows` x `panels` panels; both are constants where this is called.
NATIVE __attribute__((always_inline)) static inline void multiply_block(
    size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a, struct cpu_int16_b b, bool add,
    struct cpu_f32_c c) {
    sixteen sums[ROWS][PANELS];
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++) {
#pragma GCC unroll 4
        for (size_t panel = 0; panel < panels; panel++) {
            sums[row][panel] = (sixteen){0};
        }
    }
    for (size_t pair = 0; pair < pairs; pair++) {
        __m512i columns[PANELS];
#pragma GCC unroll 4
        for (size_t panel = 0; panel < panels; panel++) {
            columns[panel] = _mm512_loadu_si512(b.data + panel * b.panel_step + pair * 2 * PANEL);
        }
#pragma GCC unroll 6
        for (size_t row = 0; row < rows; row++) {
            int both;
            memcpy(&both, a.data + row * a.row_step + pair * 2, sizeof both);
            const __m512i everywhere = _mm512_set1_epi32(both);
#pragma GCC unroll 4
            for (size_t panel = 0; panel < panels; panel++) {
                sums[row][panel] = (sixteen)_mm512_dpwssd_epi32((__m512i)sums[row][panel],
                                                                everywhere, columns[panel]);
            }
        }
    }
#pragma GCC unroll 6
    for (size_t row = 0; row < rows; row++) {
        const __m512 scale = _mm512_set1_ps(a.scales[row * a.scale_step]);
#pragma GCC unroll 4
        for (size_t panel = 0; panel < panels; panel++) {
            float *to = c.data + row * c.row_step + panel * c.panel_step;
            const __m512 sum = _mm512_mul_ps(_mm512_cvtepi32_ps((__m512i)sums[row][panel]),
                                             _mm512_loadu_ps(b.scales + panel * PANEL));
            _mm512_storeu_ps(
                to, _mm512_fmadd_ps(sum, scale, add ? _mm512_loadu_ps(to) : _mm512_setzero_ps()));
        }
    }
}

// So many panels of all rows, in blocks of rows that differ by one.
#define BLOCK(rows)                                                                                \
    case rows: multiply_block(rows, panels, pairs, a, b, add, c); break;
NATIVE __attribute__((always_inline)) static inline void multiply_panels(
    size_t panels, size_t rows, size_t pairs, struct cpu_int16_a a, struct cpu_int16_b b, bool add,
    struct cpu_f32_c c) {
    for (size_t blocks = (rows + ROWS - 1) / ROWS; blocks > 0; blocks--) {
        const size_t count = (rows + blocks - 1) / blocks;
        switch (count) {
            BLOCK(1)
            BLOCK(2)
            BLOCK(3)
            BLOCK(4)
            BLOCK(5)
            BLOCK(6)
        default: break;
        }
        a.data += count * a.row_step;
        a.scales += count * a.scale_step;
        c.data += count * c.row_step;
        rows -= count;
    }
}
#undef BLOCK

NATIVE static void gemm_native(size_t rows, size_t panels, size_t pairs, struct cpu_int16_a a,
                               struct cpu_int16_b b, bool add, struct cpu_f32_c c) {
    size_t count = 0;
    for (; panels > 0; panels -= count) {
        if (panels >= PANELS) {
            count = PANELS;
            multiply_panels(PANELS, rows, pairs, a, b, add, c);
        } else {
            count = 1;
            multiply_panels(1, rows, pairs, a, b, add, c);
        }
        b.data += count * b.panel_step;
        b.scales += count * PANEL;
        c.data += count * c.panel_step;
    }
}

cpu_int16_gemm_function *cpu_int16_avx512(void) {
    return cpu_level() >= CPU_VNNI ? gemm_native : NULL;
}
#else

cpu_int16_gemm_function *cpu_int16_avx512(void) {
    return NULL;
}
#endif
