// global_pool: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation global_pool_operation = {.name = "global_pool",
                                                .index = OPERATION_global_pool,
                                                .cpu = &global_pool_cpu,
                                                .onnx = global_pool_onnx};

value_id global_pool(struct graph *graph, value_id x) {
    const struct shape in = graph_shape(graph, x);
    const struct node_spec spec = {.operation = &global_pool_operation,
                                   .name = "global_pool",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = {in.n, 1, 1, in.c}};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
