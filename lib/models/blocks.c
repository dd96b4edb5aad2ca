// Convolutions with their norms, heads, sizes.
#include "models/blocks.h"

#include "ops/ops.h"

#include <string.h>

value_id padded_convolution_norm(struct graph *graph, value_id x, const char *convolution_name,
                                 const char *norm_name, size_t channels, size_t window,
                                 size_t stride, value_id residual, bool relu) {
    const struct convolution layer = {.name = convolution_name,
                                      .channels = channels,
                                      .window = window,
                                      .stride = stride,
                                      .pad = window / 2};
    return convolution_norm(graph, x, &layer, norm_name, residual, relu);
}

value_id squeeze_excitation(struct graph *graph, value_id x, const char *squeeze_name,
                            const char *excite_name, size_t channels, enum activation activation) {
    const struct convolution squeeze = {
        .name = squeeze_name, .channels = channels, .window = 1, .stride = 1, .bias = true};
    const struct convolution excite = {.name = excite_name,
                                       .channels = graph_shape(graph, x).c,
                                       .window = 1,
                                       .stride = 1,
                                       .bias = true};
    const value_id means = global_pool(graph, x);
    const value_id z = activation == ACTIVATION_SILU
                           ? silu(graph, convolution(graph, means, &squeeze))
                           : convolution_relu(graph, means, &squeeze);
    return convolution(graph, z, &excite);
}

static value_id unit(struct graph *graph, value_id x, const char *name, const char *kind,
                     size_t channels, size_t window, size_t stride) {
    const struct layer_name full = graph_name("%s.%s_unit.0", name, kind);
    const struct layer_name norm = graph_name("%s.%s_unit.1", name, kind);
    return padded_convolution_norm(graph, x, full.text, norm.text, channels, window, stride,
                                   NO_VALUE, strcmp(kind, "cbr") == 0);
}

value_id cbr(struct graph *graph, value_id x, const char *name, size_t channels, size_t window,
             size_t stride) {
    return unit(graph, x, name, "cbr", channels, window, stride);
}

value_id cb(struct graph *graph, value_id x, const char *name, size_t channels, size_t window) {
    return unit(graph, x, name, "cb", channels, window, 1);
}

enum { CBAM_REDUCTION = 16 };

value_id cbam(struct graph *graph, value_id x, const char *name) {
    const struct layer_name squeeze_name = graph_name("%s.ChannelGate.mlp.1", name);
    const struct layer_name excite_name = graph_name("%s.ChannelGate.mlp.3", name);
    const struct layer_name spatial_name = graph_name("%s.SpatialGate.spatial.cb_unit.0", name);
    const struct layer_name norm_name = graph_name("%s.SpatialGate.spatial.cb_unit.1", name);
    const size_t channels = graph_shape(graph, x).c;
    const struct convolution squeeze = {.name = squeeze_name.text,
                                        .channels = channels / CBAM_REDUCTION,
                                        .window = 1,
                                        .stride = 1,
                                        .linear = true,
                                        .bias = true};
    const struct convolution excite = {.name = excite_name.text,
                                       .channels = channels,
                                       .window = 1,
                                       .stride = 1,
                                       .linear = true,
                                       .bias = true};
    const struct convolution spatial = {
        .name = spatial_name.text, .channels = 1, .window = 7, .stride = 1, .pad = 3};
    value_id opened[2];
    opened[0] = global_pool(graph, x);
    opened[1] = global_max_pool(graph, x);
    for (int i = 0; i < 2; i++) {
        opened[i] = convolution(graph, convolution_relu(graph, opened[i], &squeeze), &excite);
    }
    x = channel_gate(graph, x, add(graph, opened[0], opened[1]), false);
    return pixel_gate(graph, x,
                      convolution_gate(graph, channel_pool(graph, x), &spatial, norm_name.text));
}

value_id head(struct graph *graph, value_id x, const char *name, size_t channels, size_t window,
              double dropout) {
    const value_id y = cbr(graph, x, graph_name("%s.0", name).text, channels, window, 1);
    return head_convolution(graph, y, graph_name("%s.2", name).text, dropout);
}

// In training there is a layer even where the size stays: random draws go by the layers' numbers,
// and are to be the same whether logits are resized here or outside.
void output_logits(struct graph *graph, value_id z, const struct model_options *options) {
    const bool resizes = options->out_height > 0;
    const struct shape own = graph_shape(graph, z);
    const size_t height = resizes ? options->out_height : own.h;
    const size_t width = resizes ? options->out_width : own.w;
    const bool as_is = !resizes && graph_mode_of(graph) == GRAPH_PREDICT;
    graph_output(graph, as_is ? z : upsample(graph, z, height, width));
}

value_id upsample_to(struct graph *graph, value_id x, value_id like) {
    const struct shape shape = graph_shape(graph, like);
    return upsample(graph, x, shape.h, shape.w);
}
