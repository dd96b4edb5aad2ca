// silu on the CPU.
#include "core/simd.h"
#include "ops/cpu_elementwise.h"
#include "ops/kernels.h"
#include "ops/silu/bf16.h"
#include "ops/silu/silu.h"

#include <stdlib.h>

VECTORISED static void apply(const float *x, size_t count, float *y) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++) {
        y[i] = silu_of(x[i]);
    }
}

VECTORISED static void apply_slope(const float *x, const float *dy, size_t count, float *result) {
#pragma GCC ivdep
    for (size_t i = 0; i < count; i++) {
        result[i] = dy[i] * silu_slope(x[i]);
    }
}

static struct elementwise silu(void) {
    return (struct elementwise){apply, silu_of_bf16()};
}

static void forward(const struct call *call) {
    cpu_elementwise_forward(call, silu());
}

static void backward(const struct call *call) {
    cpu_elementwise_backward(call, call->in[0], apply_slope);
}

static void forward_rows(const struct call *call, size_t image, struct row_span rows) {
    cpu_elementwise_rows(call, silu(), image, rows);
}

const struct row_kernel silu_rows = {NULL, NULL, forward_rows};
const struct kernel silu_cpu = {cpu_elementwise_plan, forward, backward, free, NULL};
