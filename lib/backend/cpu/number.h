// Single numbers of activations, for loops over them in either precision: where that is a constant,
// the compiler makes vectors of the loops.
#ifndef PLEURA_BACKEND_CPU_NUMBER_H
#define PLEURA_BACKEND_CPU_NUMBER_H

#include "backend/backend.h"
#include "backend/bf16.h"

#include <stdbool.h>

__attribute__((always_inline)) static inline float cpu_load(enum precision precision,
                                                            const void *numbers, size_t i) {
    return precision == PRECISION_F32 ? ((const float *)numbers)[i]
                                      : bf16_to(((const uint16_t *)numbers)[i]);
}

__attribute__((always_inline)) static inline void cpu_store(enum precision precision, float number,
                                                            void *numbers, size_t i) {
    if (precision == PRECISION_F32) {
        ((float *)numbers)[i] = number;
    } else {
        ((uint16_t *)numbers)[i] = bf16_from(number);
    }
}

// Makes a call for either of two constants, `name` there: the first where `condition` holds.
#define CPU_FOR_EITHER(type, name, first, second, condition, call)                                 \
    do {                                                                                           \
        if (condition) {                                                                           \
            const type name = (first);                                                             \
            call;                                                                                  \
        } else {                                                                                   \
            const type name = (second);                                                            \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

// For each precision, `precision` there; for each value of a flag, `name` there.
#define CPU_FOR_PRECISION(value, call)                                                             \
    CPU_FOR_EITHER(enum precision, precision, PRECISION_F32, PRECISION_BF16,                       \
                   (value) == PRECISION_F32, call)
#define CPU_FOR_FLAG(name, value, call) CPU_FOR_EITHER(bool, name, true, false, value, call)

#endif
