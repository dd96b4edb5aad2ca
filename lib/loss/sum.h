// A sum of floats for losses, in double and in parts whose number is the same on every processor:
// vectors make them side by side, and the bytes do not depend on a vector's width.
#ifndef PLEURA_LOSS_SUM_H
#define PLEURA_LOSS_SUM_H

#include <stddef.h>

#define LOSS_SUM_PARTS ((size_t)8)

__attribute__((always_inline)) static inline double loss_sum(const float *numbers, size_t count) {
    double parts[LOSS_SUM_PARTS] = {0};
    double sum = 0;
    size_t i = 0;
    for (; i + LOSS_SUM_PARTS <= count; i += LOSS_SUM_PARTS) {
        for (size_t k = 0; k < LOSS_SUM_PARTS; k++) {
            parts[k] += (double)numbers[i + k];
        }
    }
    for (; i < count; i++) {
        sum += (double)numbers[i];
    }
    for (size_t k = 0; k < LOSS_SUM_PARTS; k++) {
        sum += parts[k];
    }
    return sum;
}

#endif
