// group_norm: what it is.
#include "ops/group_norm/group_norm.h"

#include "ops/kernels.h"

enum { MAX_GROUPS = 32 };

// As with norm: without a residual the output is recomputed from the input; with one it is kept,
// and tells where the ReLU was open.
const struct operation group_norm_operation = {.name = "group_norm",
                                               .index = OPERATION_group_norm,
                                               .cpu = &group_norm_cpu,
                                               .onnx = group_norm_onnx,
                                               .reads_input = {true},
                                               .gradient_in_place = true};
const struct operation group_norm_residual_operation = {.name = "group_norm_residual",
                                                        .index = OPERATION_group_norm_residual,
                                                        .cpu = &group_norm_residual_cpu,
                                                        .onnx = group_norm_residual_onnx,
                                                        .reads_input = {true},
                                                        .reads_output = true,
                                                        .gradient_in_place = true};

static size_t groups_of(size_t channels) {
    size_t groups = MAX_GROUPS;
    while (channels % groups != 0) {
        groups /= 2;
    }
    return groups;
}

value_id group_normalise(struct graph *graph, value_id x, const char *name, value_id residual,
                         bool relu) {
    const struct shape shape = graph_shape(graph, x);
    const struct group_norm_attributes attributes = {relu, groups_of(shape.c)};
    const bool has_residual = residual != NO_VALUE;
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    const struct node_spec spec = {
        .operation = has_residual ? &group_norm_residual_operation : &group_norm_operation,
        .name = name,
        .inputs = {x, residual},
        .input_count = has_residual ? 2 : 1,
        .parameters = {graph_parameter(graph, graph_name("%s.weight", name).text, ROLE_SCALE, 1,
                                       &shape.c),
                       graph_parameter(graph, graph_name("%s.bias", name).text, ROLE_SHIFT, 1,
                                       &shape.c)},
        .parameter_count = GROUP_NORM_PARAMETERS,
        .shape = shape,
        .attributes = &attributes,
        .attribute_bytes = sizeof attributes,
        .recompute = !has_residual};
    return graph_node(graph, &spec);
}
