// What kernels ask about their node.
#include "nn/operation.h"

enum precision plan_precision(const struct kernel_plan *plan, value_id value) {
    return graph_value_at(plan->graph, value)->storage == STORAGE_FLOAT ? PRECISION_F32
                                                                        : plan->backend->precision;
}

struct shape plan_input_shape(const struct kernel_plan *plan, int input) {
    return graph_shape(plan->graph, plan->node->inputs[input]);
}

struct shape plan_output_shape(const struct kernel_plan *plan) {
    return graph_shape(plan->graph, plan->node->output);
}

struct row_span window_rows(struct row_span rows, size_t window, size_t stride, size_t pad,
                            size_t height) {
    const size_t first = rows.first * stride;
    const size_t end = (rows.end - 1) * stride + window;
    const struct row_span inside = {first > pad ? first - pad : 0, end > pad ? end - pad : 0};
    return (struct row_span){inside.first < height ? inside.first : height,
                             inside.end < height ? inside.end : height};
}
