// segmentation_models_pytorch's Unet (after Ronneberger et al. 2015, arXiv 1505.04597), with its
// names: five levels, each twice as large by repeating pixels, and one 3 x 3 to a logit a pixel. It
// has that one head, and no global logit.
#include "models/blocks.h"
#include "models/decoders/decoders.h"
#include "ops/ops.h"

enum { SCSE_REDUCTION = 16 };

// A 3 x 3 without bias (decoder.blocks.LEVEL.NAME.0), its norm (.1), ReLU.
static value_id layer(struct graph *graph, value_id x, size_t level, const char *name,
                      size_t channels) {
    const struct layer_name full = graph_name("decoder.blocks.%zu.%s.0", level, name);
    const struct layer_name norm = graph_name("decoder.blocks.%zu.%s.1", level, name);
    return padded_convolution_norm(graph, x, full.text, norm.text, channels, 3, 1, NO_VALUE, true);
}

// Concurrent gates of channels and of pixels (Roy et al. 2018, arXiv 1803.02579), added.
static value_id scse(struct graph *graph, value_id x, size_t level, const char *name) {
    const struct layer_name attention = graph_name("decoder.blocks.%zu.%s.attention", level, name);
    const struct layer_name squeeze = graph_name("%s.cSE.1", attention.text);
    const struct layer_name excite = graph_name("%s.cSE.3", attention.text);
    const struct layer_name of_pixels = graph_name("%s.sSE.0", attention.text);
    const struct convolution to_pixels = {
        .name = of_pixels.text, .channels = 1, .window = 1, .stride = 1, .bias = true};
    const value_id open =
        squeeze_excitation(graph, x, squeeze.text, excite.text,
                           graph_shape(graph, x).c / SCSE_REDUCTION, ACTIVATION_RELU);
    const value_id by_pixel = pixel_gate(graph, x, convolution(graph, x, &to_pixels));
    const value_id by_channel = channel_gate(graph, x, open, false);
    return add(graph, by_channel, by_pixel);
}

static void build(struct graph *graph, value_id x, encoder *encode,
                  const struct model_options *options, bool attention) {
    static const size_t widths[] = {256, 128, 64, 32, 16};
    const struct convolution last = {.name = "segmentation_head.0",
                                     .channels = 1,
                                     .window = 3,
                                     .stride = 1,
                                     .pad = 1,
                                     .bias = true};
    const struct feature_maps f = encode(graph, x, "encoder", max_pool);
    const value_id skips[] = {f.at16, f.at8, f.at4, f.at2, NO_VALUE};
    value_id y = f.at32;
    for (size_t level = 0; level < 5; level++) {
        y = upsample_nearest(graph, y);
        if (skips[level] != NO_VALUE) {
            y = concat(graph, y, skips[level]);
            y = attention ? scse(graph, y, level, "attention1") : y;
        }
        y = layer(graph, y, level, "conv1", widths[level]);
        y = layer(graph, y, level, "conv2", widths[level]);
        y = attention ? scse(graph, y, level, "attention2") : y;
    }
    output_logits(graph, widen(graph, convolution(graph, y, &last)), options);
}

void decoder_smp_unet(struct graph *graph, value_id x, encoder *encode,
                      const struct model_options *options) {
    build(graph, x, encode, options, false);
}

void decoder_smp_unet_scse(struct graph *graph, value_id x, encoder *encode,
                           const struct model_options *options) {
    build(graph, x, encode, options, true);
}
