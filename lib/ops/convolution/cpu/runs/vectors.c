// Runs by AVX-512's products of bf16: a block of sums stays in registers while whole windows are
// multiplied, and goes from there to memory, rounded.
#include "backend/cpu/level.h"
#include "core/simd.h"
#include "ops/convolution/cpu/runs/runs.h"

#if defined(NATIVE) || defined(PROCESSOR_X86_64)
// A test that runs this code on any processor has defined this, and the intrinsics below.
#ifndef NATIVE
#include <immintrin.h>
#define NATIVE __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#endif
#include "backend/cpu/products/bf16_block.h"
#include "ops/convolution/cpu/runs/store.h"

#define PANEL ((size_t)CPU_BF16_PANEL)
#define PANELS ((size_t)2) // of a block, at most
#define SUMS BF16_ROWS     // of a block
#define LINE ((size_t)32)  // numbers of 64 bytes

// Asks for what columns from `first` on read of the window's last row: the rows above have been
// read for the windows above.
static inline void fetch(const struct run_product *product, size_t first, size_t columns) {
    const struct cpu_bf16_runs *a = &product->a;
    const uint16_t *row = a->runs[a->count - 1] + first * a->row_step;
    for (size_t i = 0; i < columns * a->row_step; i += LINE) {
        __builtin_prefetch(row + i);
    }
}

// `columns` from column `first` on, by `panels`; both numbers are constants where this is called.
BF16_UNCHECKED NATIVE __attribute__((always_inline)) static inline void multiply_block(
    size_t columns, size_t panels, const struct run_product *product, size_t first) {
    const struct cpu_bf16_runs *a = &product->a;
    struct cpu_bf16_b b = product->b;
    __m512 sums[BF16_ROWS][BF16_PANELS];
    BF16_UNROLLED
    for (size_t column = 0; column < columns; column++) {
        BF16_UNROLLED
        for (size_t i = 0; i < panels; i++) {
            sums[column][i] = _mm512_setzero_ps();
        }
    }
    if (product->begins) {
        fetch(product, first + 2 * columns, columns);
    }
    for (size_t run = 0; run < a->count; run++) {
        bf16_add_products(columns, panels, a->pairs,
                          (struct cpu_bf16_a){a->runs[run] + first * a->row_step, a->row_step, 2},
                          b, sums);
        b.data += a->pairs * 2 * PANEL;
    }
    uint16_t *to = product->to + first * product->step;
    const size_t left = product->columns - first;
    BF16_UNROLLED
    for (size_t i = 0; i < panels; i++) {
        const struct run_store store =
            run_store_of(product->epilogue, i * PANEL, product->count - i * PANEL);
        if (columns <= left && run_stores_whole(&store)) {
            BF16_UNROLLED
            for (size_t column = 0; column < columns; column++) {
                run_store(&store, true, sums[column][i], to + column * product->step + i * PANEL);
            }
            continue;
        }
        BF16_UNROLLED
        for (size_t column = 0; column < columns; column++) {
            if (column < left) {
                run_store(&store, false, sums[column][i], to + column * product->step + i * PANEL);
            }
        }
    }
}

// Columns up to whole units are multiplied, those beyond the product's not stored.
NATIVE static void multiply_vectors(const struct run_product *product, void *memory) {
    (void)memory;
    for (size_t first = 0; first < product->columns; first += product->unit) {
        if (product->panels == PANELS) {
            multiply_block(SUMS / PANELS, PANELS, product, first);
        } else if (product->unit == SUMS) {
            multiply_block(SUMS, 1, product, first);
        } else { // the last one of an odd number of panels
            multiply_block(SUMS / PANELS, 1, product, first);
        }
    }
}

static void nothing(void *memory) {
    (void)memory;
}

const struct run_functions *run_functions_by_vectors(void) {
    static const struct run_functions functions = {.depth = 2,
                                                   .panels = PANELS,
                                                   .one = SUMS,
                                                   .several = SUMS / PANELS,
                                                   .together = 4,
                                                   .begin = nothing,
                                                   .end = nothing,
                                                   .multiply = multiply_vectors};
    return cpu_level() >= CPU_BF16 ? &functions : NULL;
}
#else

const struct run_functions *run_functions_by_vectors(void) {
    return NULL;
}
#endif
