// add and add_scaled: what they are.
#include "ops/kernels.h"
#include "ops/ops.h"

const struct operation add_operation = {.name = "add",
                                        .index = OPERATION_add,
                                        .cpu = &add_cpu,
                                        .cpu_rows = &add_rows,
                                        .onnx = add_onnx,
                                        .in_place = 1,
                                        .gradient_in_place = true};
const struct operation add_scaled_operation = {.name = "add_scaled",
                                               .index = OPERATION_add_scaled,
                                               .cpu = &add_scaled_cpu,
                                               .cpu_rows = &add_scaled_rows,
                                               .onnx = add_scaled_onnx,
                                               .reads_input = {false, true},
                                               .in_place = 1,
                                               .gradient_in_place = true};

static value_id add_node(struct graph *graph, struct node_spec *spec) {
    const value_id a = spec->inputs[0];
    const value_id b = spec->inputs[1];
    const struct shape one = graph_shape(graph, a);
    const struct shape other = graph_shape(graph, b);
    if (a == NO_VALUE || b == NO_VALUE) {
        return NO_VALUE;
    }
    if (!shape_equal(one, other) && !shape_equal(other, (struct shape){one.n, 1, 1, one.c})) {
        graph_fail(graph, "%s: shapes differ", spec->name);
        return NO_VALUE;
    }
    spec->input_count = 2;
    spec->shape = one;
    spec->storage = graph_value_at(graph, a)->storage;
    return graph_node(graph, spec);
}

value_id add(struct graph *graph, value_id a, value_id b) {
    struct node_spec spec = {.operation = &add_operation, .name = "add", .inputs = {a, b}};
    return add_node(graph, &spec);
}

value_id add_scaled(struct graph *graph, value_id a, value_id b, const char *gamma) {
    const size_t one = 1;
    struct node_spec spec = {.operation = &add_scaled_operation,
                             .name = gamma,
                             .inputs = {a, b},
                             .parameters = {graph_parameter(graph, gamma, ROLE_SHIFT, 1, &one)},
                             .parameter_count = 1};
    return add_node(graph, &spec);
}
