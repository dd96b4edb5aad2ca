// max_pool: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation max_pool_operation = {
    .name = "max_pool", .number = OPERATION_max_pool, .cpu = &max_pool_cpu};

value_id max_pool(struct graph *graph, value_id x) {
    const struct shape in = graph_shape(graph, x);
    const struct node_spec spec = {.operation = &max_pool_operation,
                                   .name = "max_pool",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = {in.n, (in.h - 1) / 2 + 1, (in.w - 1) / 2 + 1, in.c}};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
