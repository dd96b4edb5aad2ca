// norm: what it is.
#include "ops/norm/norm.h"

#include "ops/kernels.h"

// Without a residual the output is recomputed from the input; with one it is kept, and tells where
// the ReLU was open.
const struct operation norm_operation = {.name = "norm",
                                         .index = OPERATION_norm,
                                         .cpu = &norm_cpu,
                                         .reads_input = {true},
                                         .gradient_in_place = true};
const struct operation norm_residual_operation = {.name = "norm_residual",
                                                  .index = OPERATION_norm_residual,
                                                  .cpu = &norm_residual_cpu,
                                                  .reads_input = {true},
                                                  .reads_output = true,
                                                  .gradient_in_place = true};

void norm_parameters(struct graph *graph, const struct norm_layer *norm, size_t channels,
                     int parameters[NORM_PARAMETERS]) {
    const struct {
        const char *suffix;
        enum parameter_role role;
    } parts[NORM_PARAMETERS] = {{"weight", norm->gate ? ROLE_SHIFT : ROLE_SCALE},
                                {"bias", ROLE_SHIFT},
                                {"running_mean", ROLE_MEAN},
                                {"running_var", ROLE_VARIANCE}};
    for (int i = 0; i < NORM_PARAMETERS; i++) {
        const struct layer_name full = graph_name("%s.%s", norm->name, parts[i].suffix);
        parameters[i] = graph_parameter(graph, full.text, parts[i].role, 1, &channels);
    }
}

value_id normalise(struct graph *graph, value_id x, const struct norm_layer *norm,
                   value_id residual, bool relu) {
    const struct norm_attributes attributes = {relu, norm->gate ? 0.01 : 0.1};
    const struct shape shape = graph_shape(graph, x);
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    if (shape.n * shape.h * shape.w == 1) {
        graph_fail(graph,
                   "%s: batch normalisation has nothing to normalise in a batch of 1: train with "
                   "2 images or more",
                   norm->name);
        return NO_VALUE;
    }
    struct node_spec spec = {.operation =
                                 residual == NO_VALUE ? &norm_operation : &norm_residual_operation,
                             .name = norm->name,
                             .inputs = {x, residual},
                             .input_count = residual == NO_VALUE ? 1 : 2,
                             .parameter_count = NORM_PARAMETERS,
                             .shape = shape,
                             .attributes = &attributes,
                             .attribute_bytes = sizeof attributes,
                             .recompute = residual == NO_VALUE};
    norm_parameters(graph, norm, shape.c, spec.parameters);
    graph_follows(graph, spec.parameters[NORM_MEAN], attributes.momentum);
    graph_follows(graph, spec.parameters[NORM_VARIANCE], attributes.momentum);
    return graph_node(graph, &spec);
}
