// Matrix products of bf16 with sums in float32, on the calling thread, by the processor's own
// instruction, by its matrix units where all of a product's tiles are whole, or by plain loops. C
// (rows x columns) = A B, or + A B: numbers of the inner side come in pairs, in A as they are
// multiplied, in B in panels of CPU_BF16_PANEL columns.
#ifndef PLEURA_BACKEND_CPU_PRODUCTS_BF16_H
#define PLEURA_BACKEND_CPU_PRODUCTS_BF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_BF16_PANEL 16

// Two numbers that are multiplied together, in the memory of single ones.
typedef uint32_t cpu_bf16_pair __attribute__((aligned(2), may_alias));

// Whether this processor has the instruction; without it all below is slow.
bool cpu_bf16_products(void);

// Numbers of a panel, and of all panels: `inner` x `columns`, filled up to whole pairs and panels.
size_t cpu_bf16_panel(size_t inner);
size_t cpu_bf16_packed(size_t inner, size_t columns);

// Packs B into panels: number (k, n) comes from from[k * inner_step + n * column_step].
void cpu_bf16_pack(const uint16_t *from, size_t inner_step, size_t column_step, size_t inner,
                   size_t columns, uint16_t *to);

// Rounds floats to nearest, ties to even; the instruction takes numbers below 1.2e-38 for 0.
void cpu_bf16_round(const float *from, size_t count, uint16_t *to);

// Rounds `rows` x `columns` floats, rows `leading` apart, for A: as they lie, with rows of
// `columns` filled up to pairs with 0; or interleaved, with pairs of rows: (row / 2, column, row %
// 2).
void cpu_bf16_rows(const float *from, size_t leading, size_t rows, size_t columns, uint16_t *to);
void cpu_bf16_interleaved(const float *from, size_t leading, size_t rows, size_t columns,
                          uint16_t *to);

// Or transposed, as rows of `rows` numbers filled up to pairs with 0: what matrix units take.
void cpu_bf16_transposed(const float *from, size_t leading, size_t rows, size_t columns,
                         uint16_t *to);

// A: the pair of row r and inner numbers 2 p, 2 p + 1 lies at data[r * row_step + p * pair_step].
struct cpu_bf16_a {
    const uint16_t *data;
    size_t row_step, pair_step;
};

// A whose inner side is several runs of `pairs` pairs: run r of row i begins at
// runs[r][i * row_step].
struct cpu_bf16_runs {
    const uint16_t *const *runs;
    size_t count, row_step, pairs;
};

// B: panels begin panel_step numbers apart.
struct cpu_bf16_b {
    const uint16_t *data;
    size_t panel_step;
};

// Rows of C are `leading` floats apart; whole panels of it are written. `pairs` of the inner side.
void cpu_bf16_gemm(size_t rows, size_t columns, size_t pairs, struct cpu_bf16_a a,
                   struct cpu_bf16_b b, bool add, float *c, size_t leading);

#endif
