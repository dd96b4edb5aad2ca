// relu: what it is.
#include "ops/relu/relu.h"

#include "ops/kernels.h"

const struct operation relu_operation = {.name = "relu",
                                         .number = OPERATION_relu,
                                         .cpu = &relu_cpu,
                                         .reads_output = true,
                                         .gradient_in_place = true};

value_id relu(struct graph *graph, value_id x) {
    const struct node_spec spec = {.operation = &relu_operation,
                                   .name = "relu",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = graph_shape(graph, x)};
    return x == NO_VALUE ? NO_VALUE : graph_node(graph, &spec);
}
