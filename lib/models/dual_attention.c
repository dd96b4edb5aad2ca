// Dual attention: over positions and over channels (Fu et al. 2019).
#include "models/blocks.h"
#include "ops/ops.h"

static value_id project(struct graph *graph, value_id x, const char *name, const char *projection,
                        size_t channels) {
    const struct layer_name full = graph_name("%s.%s", name, projection);
    const struct convolution layer = {
        .name = full.text, .channels = channels, .window = 1, .stride = 1, .bias = true};
    return convolution(graph, x, &layer);
}

static value_id add_branch(struct graph *graph, value_id x, value_id branch, const char *name) {
    return add_scaled(graph, x, branch, graph_name("%s.gamma", name).text);
}

value_id position_branch(struct graph *graph, value_id x, const char *name) {
    const size_t channels = graph_shape(graph, x).c;
    const value_id q = project(graph, x, name, "query_conv", channels / 2);
    const value_id v = project(graph, x, name, "value_conv", channels);
    return add_branch(graph, x, position_attention(graph, q, v), name);
}

value_id channel_branch(struct graph *graph, value_id x, const char *name) {
    return add_branch(graph, x, channel_attention(graph, x), name);
}
