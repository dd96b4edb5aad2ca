// pyramid_pool: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation pyramid_pool_operation = {.name = "pyramid_pool",
                                                 .index = OPERATION_pyramid_pool,
                                                 .cpu = &pyramid_pool_cpu,
                                                 .onnx = pyramid_pool_onnx};

value_id pyramid_pool(struct graph *graph, value_id x) {
    const struct shape in = graph_shape(graph, x);
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    if (in.h < 6 || in.w < 6) {
        graph_fail(graph,
                   "pyramid pooling needs 6 x 6 pixels or more, and has %zu x %zu: images of 192 "
                   "x 192 or more",
                   in.h, in.w);
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &pyramid_pool_operation,
                                   .name = "pyramid_pool",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = in};
    return graph_node(graph, &spec);
}
