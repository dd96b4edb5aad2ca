// What a convolution layer is to a backend. Kernels of all devices need it, so it stands alone.
#include "ops/convolution/convolution.h"

#include "ops/kernels.h"

static bool is_repeated(const struct graph *graph, value_id value) {
    const int producer = graph_value_at(graph, value)->producer;
    return graph_mode_of(graph) == GRAPH_PREDICT && producer >= 0 &&
           graph_node_at(graph, producer)->operation->index == OPERATION_upsample_nearest;
}

struct convolution_shape convolution_shape_of(const struct graph *graph, const struct node *node) {
    const struct convolution_attributes *layer = node->attributes;
    const struct shape in = graph_shape(graph, node->inputs[0]);
    const struct shape out = graph_shape(graph, node->output);
    return (struct convolution_shape){.images = in.n,
                                      .height = in.h,
                                      .width = in.w,
                                      .channels = in.c,
                                      .out_height = out.h,
                                      .out_width = out.w,
                                      .out_channels = out.c,
                                      .window = layer->window,
                                      .stride = layer->stride,
                                      .pad = layer->pad,
                                      .groups = layer->groups,
                                      .bias = layer->bias || layer->norm,
                                      .sum = node->input_count > 1,
                                      .relu = layer->relu,
                                      .repeated = is_repeated(graph, node->inputs[0]),
                                      .train = graph_mode_of(graph) == GRAPH_TRAIN,
                                      .input_gradient =
                                          graph_value_at(graph, node->inputs[0])->needs_gradient};
}
