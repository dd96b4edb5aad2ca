// channel_pool: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation channel_pool_operation = {.name = "channel_pool",
                                                 .index = OPERATION_channel_pool,
                                                 .cpu = &channel_pool_cpu,
                                                 .onnx = channel_pool_onnx};

value_id channel_pool(struct graph *graph, value_id x) {
    const struct shape in = graph_shape(graph, x);
    const struct node_spec spec = {.operation = &channel_pool_operation,
                                   .name = "channel_pool",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = {in.n, in.h, in.w, 2}};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
