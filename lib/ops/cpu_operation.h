// Sums over arrays that several operations' CPU sides make.
#ifndef PLEURA_OPS_CPU_SUMS_H
#define PLEURA_OPS_CPU_SUMS_H

#include <stddef.h>

// sum += weight * x, `count` numbers each.
void cpu_add_multiple(const float *x, float weight, size_t count, float *sum);

#endif
