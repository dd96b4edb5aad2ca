// gate: what it is.
#include "ops/gate/gate.h"

#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation gate_operation = {
    .name = "gate", .number = OPERATION_gate, .cpu = &gate_cpu, .reads_input = {true, true}};

value_id gate(struct graph *graph, value_id x, value_id z, bool keep) {
    const struct gate_attributes attributes = {keep};
    const struct shape shape = graph_shape(graph, x);
    if (x == NO_VALUE || z == NO_VALUE) {
        return NO_VALUE;
    }
    if (!shape_equal(graph_shape(graph, z), (struct shape){shape.n, 1, 1, shape.c})) {
        graph_fail(graph, "gate: shapes differ");
        return NO_VALUE;
    }
    const struct node_spec spec = {.operation = &gate_operation,
                                   .name = "gate",
                                   .inputs = {x, z},
                                   .input_count = 2,
                                   .shape = shape,
                                   .attributes = &attributes,
                                   .attribute_bytes = sizeof attributes,
                                   .recompute = true};
    return graph_node(graph, &spec);
}
