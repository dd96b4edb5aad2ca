// The inner loop of products of bf16 by AVX-512, for files that define NATIVE, the target's
// attribute, and have its intrinsics.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_BF16_BLOCK_H
#define PLEURA_BACKEND_CPU_PRODUCTS_BF16_BLOCK_H

#include "backend/cpu/products/bf16.h"

#include <string.h>

#define BF16_ROWS ((size_t)24) // of a block, at most: by one panel, three quarters of the registers
#define BF16_PANELS ((size_t)4)

// A row of A is reached from every third one's pointer: a processor has 16 registers for addresses.
// The compiler must not see through that.
#define BF16_ROWS_A_POINTER 3
#define BF16_POINTERS (BF16_ROWS / BF16_ROWS_A_POINTER)
#define BF16_KEPT(pointer) __asm__("" : "+r"(pointer))
#define BF16_UNROLLED _Pragma("GCC unroll 24")

// Sanitizers would check every number of an unrolled loop on its own.
#ifdef __SANITIZE_ADDRESS__
#define BF16_UNCHECKED __attribute__((no_sanitize("address", "undefined")))
#else
#define BF16_UNCHECKED
#endif

// Adds A B, `rows` by `panels`, to the sums; both numbers are constants where this is called.
BF16_UNCHECKED NATIVE __attribute__((always_inline)) static inline void bf16_add_products(
    size_t rows, size_t panels, size_t pairs, struct cpu_bf16_a a, struct cpu_bf16_b b,
    __m512 sums[BF16_ROWS][BF16_PANELS]) {
    const uint16_t *from[BF16_POINTERS];
    BF16_UNROLLED
    for (size_t i = 0; i * BF16_ROWS_A_POINTER < rows; i++) {
        from[i] = a.data + i * BF16_ROWS_A_POINTER * a.row_step;
    }
    for (size_t pair = 0; pair < pairs; pair++) {
        __m512bh columns[BF16_PANELS];
        BF16_UNROLLED
        for (size_t i = 0; i < panels; i++) {
            columns[i] = (__m512bh)_mm512_loadu_si512(b.data + i * b.panel_step);
        }
        BF16_UNROLLED
        for (size_t row = 0; row < rows; row++) {
            int both;
            memcpy(&both, from[row / BF16_ROWS_A_POINTER] + row % BF16_ROWS_A_POINTER * a.row_step,
                   sizeof both);
            const __m512bh everywhere = (__m512bh)_mm512_set1_epi32(both);
            BF16_UNROLLED
            for (size_t i = 0; i < panels; i++) {
                sums[row][i] = _mm512_dpbf16_ps(sums[row][i], everywhere, columns[i]);
            }
        }
        BF16_UNROLLED
        for (size_t i = 0; i * BF16_ROWS_A_POINTER < rows; i++) {
            from[i] += a.pair_step;
            BF16_KEPT(from[i]);
        }
        b.data += 2 * CPU_BF16_PANEL;
    }
}

#endif
