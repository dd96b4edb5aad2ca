// Matrix products of bf16: how matrices are packed, plain loops, and which functions this processor
// has.
#include "backend/cpu/products/bf16_functions.h"

#include "backend/bf16.h"
#include "core/simd.h"

#include <string.h>

#define PANEL CPU_BF16_PANEL

size_t cpu_bf16_panel(size_t inner) {
    return (inner + 1) / 2 * 2 * PANEL;
}

size_t cpu_bf16_packed(size_t inner, size_t columns) {
    return (columns + PANEL - 1) / PANEL * cpu_bf16_panel(inner);
}

// `count` pairs of numbers that are `apart` from each other; a constant where this is called.
__attribute__((always_inline)) static inline void pack_pairs(const uint16_t *from, size_t apart,
                                                             size_t count, cpu_bf16_pair *to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint32_t)from[apart + i] << 16 | from[i];
    }
}

// A panel whose columns lie side by side: `columns`, of which there are PANEL or half of them.
VECTORISED static void pack_whole(const uint16_t *from, size_t inner_step, size_t inner, bool half,
                                  cpu_bf16_pair *to) {
    size_t k = 0;
    for (; half && k + 2 <= inner; k += 2, to += PANEL) {
        pack_pairs(from + k * inner_step, inner_step, PANEL / 2, to);
        memset(to + PANEL / 2, 0, PANEL / 2 * sizeof *to);
    }
    for (; k + 2 <= inner; k += 2, to += PANEL) {
        pack_pairs(from + k * inner_step, inner_step, PANEL, to);
    }
    const size_t count = half ? PANEL / 2 : PANEL;
    for (size_t i = 0; i < PANEL && k < inner; i++) {
        to[i] = i < count ? from[k * inner_step + i] : 0;
    }
}

void cpu_bf16_pack(const uint16_t *from, size_t inner_step, size_t column_step, size_t inner,
                   size_t columns, uint16_t *to) {
    for (size_t first = 0; first < columns; first += PANEL) {
        const size_t left = columns - first;
        if (column_step == 1 && (left >= PANEL || left == PANEL / 2)) {
            pack_whole(from + first, inner_step, inner, left < PANEL, (cpu_bf16_pair *)(void *)to);
            to += cpu_bf16_panel(inner);
            continue;
        }
        for (size_t k = 0; k < inner; k += 2) {
            for (size_t i = 0; i < PANEL; i++) {
                const size_t n = first + i;
                const uint16_t *pair = from + k * inner_step + n * column_step;
                *to++ = n < columns ? pair[0] : 0;
                *to++ = n < columns && k + 1 < inner ? pair[inner_step] : 0;
            }
        }
    }
}

// ---- plain loops, for processors without an instruction

VECTORISED static void round_plain(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = bf16_from(from[i]);
    }
}

// The number of row and column, rounded; 0 beyond the matrix.
static uint16_t number_of(const float *from, size_t leading, size_t row, size_t rows, size_t column,
                          size_t columns) {
    return row < rows && column < columns ? bf16_from(from[row * leading + column]) : 0;
}

static void rows_plain(const float *from, size_t leading, size_t rows, size_t columns,
                       uint16_t *to) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < (columns + 1) / 2 * 2; column++) {
            *to++ = number_of(from, leading, row, rows, column, columns);
        }
    }
}

static void interleaved_plain(const float *from, size_t leading, size_t rows, size_t columns,
                              uint16_t *to) {
    for (size_t row = 0; row < rows; row += 2) {
        for (size_t column = 0; column < columns; column++) {
            *to++ = number_of(from, leading, row, rows, column, columns);
            *to++ = number_of(from, leading, row + 1, rows, column, columns);
        }
    }
}

static void transposed_plain(const float *from, size_t leading, size_t rows, size_t columns,
                             uint16_t *to) {
    for (size_t column = 0; column < columns; column++) {
        for (size_t row = 0; row < (rows + 1) / 2 * 2; row++) {
            *to++ = number_of(from, leading, row, rows, column, columns);
        }
    }
}

static float product(size_t pairs, size_t pair_step, const uint16_t *a, const uint16_t *b) {
    float sum = 0;
    for (size_t pair = 0; pair < pairs; pair++) {
        sum += bf16_to(a[pair * pair_step]) * bf16_to(b[pair * 2 * PANEL]) +
               bf16_to(a[pair * pair_step + 1]) * bf16_to(b[pair * 2 * PANEL + 1]);
    }
    return sum;
}

static void gemm_plain(size_t rows, size_t columns, size_t pairs, struct cpu_bf16_a a,
                       struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < (columns + PANEL - 1) / PANEL * PANEL; column++) {
            const float sum = product(pairs, a.pair_step, a.data + row * a.row_step,
                                      b.data + column / PANEL * b.panel_step + column % PANEL * 2);
            float *to = c + row * leading + column;
            *to = add ? *to + sum : sum;
        }
    }
}

// ---- the choice

static const struct cpu_bf16_functions plain = {.round = round_plain,
                                                .rows = rows_plain,
                                                .interleaved = interleaved_plain,
                                                .transposed = transposed_plain,
                                                .gemm = gemm_plain};

static const struct cpu_bf16_functions *native(void) {
    const struct cpu_bf16_functions *avx512 = cpu_bf16_avx512();
    return avx512 != NULL ? avx512 : cpu_bf16_arm();
}

static const struct cpu_bf16_functions *functions(void) {
    return native() != NULL ? native() : &plain;
}

bool cpu_bf16_products(void) {
    return native() != NULL;
}

void cpu_bf16_round(const float *from, size_t count, uint16_t *to) {
    functions()->round(from, count, to);
}

void cpu_bf16_rows(const float *from, size_t leading, size_t rows, size_t columns, uint16_t *to) {
    functions()->rows(from, leading, rows, columns, to);
}

void cpu_bf16_interleaved(const float *from, size_t leading, size_t rows, size_t columns,
                          uint16_t *to) {
    functions()->interleaved(from, leading, rows, columns, to);
}

void cpu_bf16_transposed(const float *from, size_t leading, size_t rows, size_t columns,
                         uint16_t *to) {
    functions()->transposed(from, leading, rows, columns, to);
}

void cpu_bf16_gemm(size_t rows, size_t columns, size_t pairs, struct cpu_bf16_a a,
                   struct cpu_bf16_b b, bool add, float *c, size_t leading) {
    functions()->gemm(rows, columns, pairs, a, b, add, c, leading);
}
