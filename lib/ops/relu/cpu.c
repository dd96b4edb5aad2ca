// relu on the CPU.
#include "core/simd.h"
#include "ops/cpu_elementwise.h"
#include "ops/kernels.h"

#include <stdlib.h>

VECTORISED static void apply(const float *x, size_t count, float *y) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] < 0 ? 0 : x[i]; // NaN is to stay, and to be found
    }
}

VECTORISED static void apply_slope(const float *y, const float *dy, size_t count, float *result) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++) {
        result[i] = y[i] > 0 ? dy[i] : 0;
    }
}

static const struct elementwise relu = {apply, NULL};

static void forward(const struct call *call) {
    cpu_elementwise_forward(call, relu);
}

static void backward(const struct call *call) {
    cpu_elementwise_backward(call, call->out, apply_slope);
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    cpu_elementwise_rows(call, relu, image, rows);
}

const struct row_kernel relu_rows = {NULL, NULL, forward_rows};
const struct kernel relu_cpu = {cpu_elementwise_plan, forward, backward, free, NULL};
