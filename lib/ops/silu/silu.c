// silu: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation silu_operation = {.name = "silu",
                                         .index = OPERATION_silu,
                                         .cpu = &silu_cpu,
                                         .cpu_rows = &silu_rows,
                                         .onnx = silu_onnx,
                                         .reads_input = {true},
                                         .in_place = 1,
                                         .gradient_in_place = true};

value_id silu(struct graph *graph, value_id x) {
    const struct node_spec spec = {.operation = &silu_operation,
                                   .name = "silu",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = graph_shape(graph, x),
                                   .recompute = true};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
