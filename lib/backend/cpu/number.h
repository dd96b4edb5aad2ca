// Single numbers of activations, for loops over them in either precision: where that is a constant,
// the compiler makes vectors of the loops.
#ifndef PLEURA_BACKEND_CPU_NUMBER_H
#define PLEURA_BACKEND_CPU_NUMBER_H

#include "backend/backend.h"
#include "backend/bf16.h"

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

// Makes a call for each precision, which is a constant of the name `precision` there.
#define CPU_FOR_PRECISION(value, call)                                                             \
    do {                                                                                           \
        if ((value) == PRECISION_F32) {                                                            \
            const enum precision precision = PRECISION_F32;                                        \
            call;                                                                                  \
        } else {                                                                                   \
            const enum precision precision = PRECISION_BF16;                                       \
            call;                                                                                  \
        }                                                                                          \
    } while (0)

#endif
