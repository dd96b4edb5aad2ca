// Memory for states, and sums over arrays.
#include "ops/cpu_operation.h"

#include "core/simd.h"

#include <stdlib.h>

void *cpu_state_alloc(size_t bytes, size_t channels, size_t max_channels, struct error *error) {
    if (channels > max_channels) {
        (void)fail(error, "%zu channels, where %zu are the most", channels, max_channels);
        return NULL;
    }
    void *state = malloc(bytes);
    if (state == NULL) {
        (void)fail(error, "no memory");
    }
    return state;
}

VECTORISED void cpu_add_multiple(const float *x, float weight, size_t count, float *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += weight * x[i];
    }
}

VECTORISED void cpu_add_sums(const float *x, size_t count, double *sums) {
    for (size_t i = 0; i < count; i++) {
        sums[i] += x[i];
    }
}
