// concat: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation concat_operation = {.name = "concat",
                                           .index = OPERATION_concat,
                                           .cpu = &concat_cpu,
                                           .cpu_rows = &concat_rows,
                                           .onnx = concat_onnx};

value_id concat(struct graph *graph, value_id a, value_id b) {
    const struct shape one = graph_shape(graph, a);
    const struct shape other = graph_shape(graph, b);
    if (a == NO_VALUE || b == NO_VALUE) {
        return NO_VALUE;
    }
    if (one.n != other.n || one.h != other.h || one.w != other.w) {
        graph_fail(graph, "concat: shapes differ");
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &concat_operation,
                                   .name = "concat",
                                   .inputs = {a, b},
                                   .input_count = 2,
                                   .shape = {one.n, one.h, one.w, one.c + other.c},
                                   .recompute = true};
    return graph_node(graph, &spec);
}
