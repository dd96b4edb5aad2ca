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
