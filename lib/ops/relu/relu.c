// relu: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation relu_operation = {.name = "relu",
                                         .index = OPERATION_relu,
                                         .cpu = &relu_cpu,
                                         .cpu_rows = &relu_rows,
                                         .onnx = relu_onnx,
                                         .reads_output = true,
                                         .in_place = 1,
                                         .gradient_in_place = true};

value_id relu(struct graph *graph, value_id x) {
    const struct node_spec spec = {.operation = &relu_operation,
                                   .name = "relu",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = graph_shape(graph, x)};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
