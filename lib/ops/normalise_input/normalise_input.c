// normalise_input: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation normalise_input_operation = {.name = "normalise_input",
                                                    .index = OPERATION_normalise_input,
                                                    .cpu = &normalise_input_cpu,
                                                    .cpu_rows = &normalise_input_rows,
                                                    .onnx = normalise_input_onnx};

value_id normalise_input(struct graph *graph, value_id x) {
    struct shape shape = graph_shape(graph, x);
    if (x != NO_VALUE && shape.c != 1 && shape.c != 3) {
        graph_fail(graph, "an image has 1 or 3 channels, not %zu", shape.c);
    }
    shape.c = 3;
    const struct node_spec spec = {.operation = &normalise_input_operation,
                                   .name = "normalise_input",
                                   .inputs = {x},
                                   .input_count = 1,
                                   .shape = shape,
                                   .recompute = true};
    return graph_node(graph, &spec);
}
