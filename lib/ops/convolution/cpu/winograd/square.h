// Squares of 4 x 4 floats in registers, whose rows become columns: what turns weights and their
// gradients between OIHW and rows of lanes.
#ifndef PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_SQUARE_H
#define PLEURA_OPS_CONVOLUTION_CPU_WINOGRAD_SQUARE_H

#include <stddef.h>

#define SQUARE ((size_t)4)

typedef float square_row __attribute__((vector_size(16)));
typedef float square_row_anywhere __attribute__((vector_size(16), aligned(4), may_alias));

static inline square_row square_load(const float *from) {
    return *(const square_row_anywhere *)from;
}

static inline void square_store(float *to, square_row row) {
    *(square_row_anywhere *)to = row;
}

static inline void square_turn(square_row rows[SQUARE]) {
    const square_row even_low = __builtin_shufflevector(rows[0], rows[2], 0, 4, 1, 5);
    const square_row even_high = __builtin_shufflevector(rows[0], rows[2], 2, 6, 3, 7);
    const square_row odd_low = __builtin_shufflevector(rows[1], rows[3], 0, 4, 1, 5);
    const square_row odd_high = __builtin_shufflevector(rows[1], rows[3], 2, 6, 3, 7);
    rows[0] = __builtin_shufflevector(even_low, odd_low, 0, 4, 1, 5);
    rows[1] = __builtin_shufflevector(even_low, odd_low, 2, 6, 3, 7);
    rows[2] = __builtin_shufflevector(even_high, odd_high, 0, 4, 1, 5);
    rows[3] = __builtin_shufflevector(even_high, odd_high, 2, 6, 3, 7);
}

#endif
