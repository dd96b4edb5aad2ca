// Sizes: the smaller one, and quotients and multiples rounded up.
#ifndef PLEURA_CORE_NUMBERS_SIZE_H
#define PLEURA_CORE_NUMBERS_SIZE_H

#include <stddef.h>

static inline size_t size_min(size_t one, size_t other) {
    return one < other ? one : other;
}

// `by` is not 0, and number + by - 1 is in range.
static inline size_t size_divide_up(size_t number, size_t by) {
    return (number + by - 1) / by;
}

static inline size_t size_round_up(size_t number, size_t unit) {
    return size_divide_up(number, unit) * unit;
}

#endif
