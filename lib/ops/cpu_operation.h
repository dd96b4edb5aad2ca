// What several operations' CPU sides share.
#ifndef PLEURA_OPS_CPU_OPERATION_H
#define PLEURA_OPS_CPU_OPERATION_H

#include "core/error.h"

#include <stddef.h>

// Memory of `bytes` for the state of an operation that holds a pixel's channels on its stack, at
// most `max_channels`; free releases it. NULL with *error for more channels, and without memory.
CHECKED void *cpu_state_alloc(size_t bytes, size_t channels, size_t max_channels,
                              struct error *error);

// sum += weight * x, `count` numbers each.
void cpu_add_multiple(const float *x, float weight, size_t count, float *sum);

// sums += x, `count` numbers each.
void cpu_add_sums(const float *x, size_t count, double *sums);

#endif
