// upsample_nearest: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation upsample_nearest_operation = {.name = "upsample_nearest",
                                                     .index = OPERATION_upsample_nearest,
                                                     .cpu = &upsample_nearest_cpu,
                                                     .cpu_rows = &upsample_nearest_rows,
                                                     .onnx = upsample_nearest_onnx};

value_id upsample_nearest(struct graph *graph, value_id x) {
    const struct shape in = graph_shape(graph, x);
    const struct node_spec spec = {.operation = &upsample_nearest_operation,
                                   .name = "upsample_nearest",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = {in.n, 2 * in.h, 2 * in.w, in.c},
                                   .recompute = true};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
