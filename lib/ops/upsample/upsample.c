// upsample: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation upsample_operation = {.name = "upsample",
                                             .index = OPERATION_upsample,
                                             .cpu = &upsample_cpu,
                                             .cpu_rows = &upsample_rows,
                                             .onnx = upsample_onnx};

value_id upsample(struct graph *graph, value_id x, size_t height, size_t width) {
    const struct shape in = graph_shape(graph, x);
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &upsample_operation,
                                   .name = "upsample",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = {in.n, height, width, in.c},
                                   .storage = graph_value_at(graph, x)->storage,
                                   .recompute = true};
    return graph_node(graph, &spec);
}
