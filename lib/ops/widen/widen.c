// widen: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation widen_operation = {
    .name = "widen", .index = OPERATION_widen, .cpu = &widen_cpu, .onnx = widen_onnx};

value_id widen(struct graph *graph, value_id x) {
    const struct node_spec spec = {.operation = &widen_operation,
                                   .name = "widen",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = graph_shape(graph, x),
                                   .storage = STORAGE_FLOAT};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
