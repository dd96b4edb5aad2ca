// channel_gate: what it is.
#include "ops/channel_gate/channel_gate.h"

#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation channel_gate_operation = {.name = "channel_gate",
                                                 .index = OPERATION_channel_gate,
                                                 .cpu = &channel_gate_cpu,
                                                 .cpu_rows = &channel_gate_rows,
                                                 .in_place = 1,
                                                 .onnx = channel_gate_onnx,
                                                 .reads_input = {true, true}};

value_id channel_gate(struct graph *graph, value_id x, value_id z, bool keep) {
    const struct channel_gate_attributes attributes = {keep};
    const struct shape shape = graph_shape(graph, x);
    if (x == NO_VALUE || z == NO_VALUE) {
        return NO_VALUE;
    }
    if (!shape_equal(graph_shape(graph, z), (struct shape){shape.n, 1, 1, shape.c})) {
        graph_fail(graph, "channel_gate: shapes differ");
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &channel_gate_operation,
                                   .name = "channel_gate",
                                   .inputs = {x, z},
                                   .input_count = 2,
                                   .shape = shape,
                                   .attributes = &attributes,
                                   .attribute_bytes = sizeof attributes,
                                   .recompute = true};
    return graph_node(graph, &spec);
}
