// Sums over arrays.
#include "ops/cpu_sums.h"

#include "core/simd.h"

VECTORISED void cpu_add_multiple(const float *x, float weight, size_t count, float *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * x[i];
    }
}
