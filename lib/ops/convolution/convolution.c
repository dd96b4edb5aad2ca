// convolution: what it is, and how norms and ReLUs join it.
#include "ops/convolution/convolution.h"

#include "ops/group_norm/group_norm.h"
#include "ops/kernels.h"
#include "ops/norm/norm.h"
#include "ops/ops.h"

static double products(const struct graph *graph, const struct node *node) {
    const struct convolution_attributes *layer = node->attributes;
    const struct shape in = graph_shape(graph, node->inputs[0]);
    const struct shape out = graph_shape(graph, node->output);
    return (double)shape_count(out) *
           (double)(in.c / layer->groups * layer->window * layer->window);
}

const struct operation convolution_operation = {.name = "convolution",
                                                .index = OPERATION_convolution,
                                                .cpu = &convolution_cpu,
                                                .cpu_rows = &convolution_rows,
                                                .onnx = convolution_onnx,
                                                .reads_input = {true},
                                                .gradient_over_input = true,
                                                .in_place = 2,
                                                .packs_weights = true,
                                                .recomputable = true,
                                                .products = products};

static struct shape out_shape(struct shape in, const struct convolution *layer) {
    return (struct shape){in.n, (in.h + 2 * layer->pad - layer->window) / layer->stride + 1,
                          (in.w + 2 * layer->pad - layer->window) / layer->stride + 1,
                          layer->channels};
}

// What all kinds share; `residual` is added, `norm` folded in prediction.
static value_id add_layer(struct graph *graph, value_id x, const struct convolution *layer,
                          const struct norm_layer *norm, value_id residual, bool relu) {
    const struct shape in = graph_shape(graph, x);
    if (x == NO_VALUE) {
        return NO_VALUE;
    }
    if (in.h + 2 * layer->pad < layer->window || in.w + 2 * layer->pad < layer->window) {
        graph_fail(graph, "%s: an image of %zu x %zu is too small", layer->name, in.h, in.w);
        return NO_VALUE;
    }
    const size_t groups = layer->groups == 0 ? 1 : layer->groups;
    if (in.c % groups != 0 || layer->channels % groups != 0) {
        graph_fail(graph, "%s: %zu channels to %zu in %zu groups", layer->name, in.c,
                   layer->channels, groups);
        return NO_VALUE;
    }
    const struct convolution_attributes attributes = {.window = layer->window,
                                                      .stride = layer->stride,
                                                      .pad = layer->pad,
                                                      .groups = groups,
                                                      .bias = layer->bias,
                                                      .norm = norm != NULL,
                                                      .relu = relu};
    struct node_spec spec = {.operation = &convolution_operation,
                             .name = layer->name,
                             .inputs = {x, residual},
                             .input_count = residual == NO_VALUE ? 1 : 2,
                             .shape = out_shape(in, layer),
                             .attributes = &attributes,
                             .attribute_bytes = sizeof attributes};
    const size_t shape[] = {layer->channels, in.c / groups, layer->window, layer->window};
    spec.parameters[spec.parameter_count++] =
        graph_parameter(graph, graph_name("%s.weight", layer->name).text, ROLE_CONVOLUTION,
                        layer->linear ? 2 : 4, shape);
    if (layer->bias) {
        spec.parameters[spec.parameter_count++] = graph_parameter(
            graph, graph_name("%s.bias", layer->name).text, ROLE_SHIFT, 1, &layer->channels);
    }
    if (norm != NULL) {
        norm_parameters(graph, norm, layer->channels, spec.parameters + spec.parameter_count);
        spec.parameter_count += NORM_PARAMETERS;
    }
    return graph_node(graph, &spec);
}

value_id convolution(struct graph *graph, value_id x, const struct convolution *layer) {
    return add_layer(graph, x, layer, NULL, NO_VALUE, false);
}

value_id convolution_norm(struct graph *graph, value_id x, const struct convolution *layer,
                          const char *norm_name, value_id residual, bool relu) {
    const struct norm_layer norm = {.name = norm_name};
    if (graph_norm_of(graph) == GRAPH_GROUP_NORM) {
        const value_id z = add_layer(graph, x, layer, NULL, NO_VALUE, false);
        return group_normalise(graph, z, norm_name, residual, relu);
    }
    if (graph_mode_of(graph) == GRAPH_PREDICT) {
        return add_layer(graph, x, layer, &norm, residual, relu);
    }
    const value_id y = add_layer(graph, x, layer, NULL, NO_VALUE, false);
    return normalise(graph, y, &norm, residual, relu);
}

value_id convolution_gate(struct graph *graph, value_id x, const struct convolution *layer,
                          const char *norm_name) {
    const struct norm_layer norm = {.name = norm_name, .gate = true};
    if (graph_mode_of(graph) == GRAPH_PREDICT) {
        return add_layer(graph, x, layer, &norm, NO_VALUE, false);
    }
    const value_id y = add_layer(graph, x, layer, NULL, NO_VALUE, false);
    return normalise(graph, y, &norm, NO_VALUE, false);
}

value_id convolution_relu(struct graph *graph, value_id x, const struct convolution *layer) {
    if (graph_mode_of(graph) == GRAPH_PREDICT) {
        return add_layer(graph, x, layer, NULL, NO_VALUE, true);
    }
    return relu(graph, add_layer(graph, x, layer, NULL, NO_VALUE, false));
}
