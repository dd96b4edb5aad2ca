// pixel_gate: what it is.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation pixel_gate_operation = {.name = "pixel_gate",
                                               .index = OPERATION_pixel_gate,
                                               .cpu = &pixel_gate_cpu,
                                               .onnx = pixel_gate_onnx,
                                               .reads_input = {true, true}};

value_id pixel_gate(struct graph *graph, value_id x, value_id z) {
    const struct shape shape = graph_shape(graph, x);
    if (x == NO_VALUE || z == NO_VALUE) {
        return NO_VALUE;
    }
    if (!shape_equal(graph_shape(graph, z), (struct shape){shape.n, shape.h, shape.w, 1})) {
        graph_fail(graph, "pixel_gate: shapes differ");
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &pixel_gate_operation,
                                   .name = "pixel_gate",
                                   .inputs = {x, z},
                                   .input_count = 2,
                                   .shape = shape,
                                   .recompute = true};
    return graph_node(graph, &spec);
}
