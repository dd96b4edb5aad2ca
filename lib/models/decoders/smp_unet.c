// segmentation_models_pytorch's Unet (after Ronneberger et al. 2015, arXiv 1505.04597), with its
// names: five levels, each twice as large by repeating pixels, and one 3 x 3 to a logit a pixel. It
// has that one head, and no global logit.
#include "models/blocks.h"
#include "models/decoders/decoders.h"
#include "ops/ops.h"

// A 3 x 3 without bias (decoder.blocks.LEVEL.NAME.0), its norm (.1), ReLU.
static value_id layer(struct graph *graph, value_id x, size_t level, const char *name,
                      size_t channels) {
    const struct layer_name full = graph_name("decoder.blocks.%zu.%s.0", level, name);
    const struct layer_name norm = graph_name("decoder.blocks.%zu.%s.1", level, name);
    const struct convolution spec = {
        .name = full.text, .channels = channels, .window = 3, .stride = 1, .pad = 1};
    return convolution_norm(graph, x, &spec, norm.text, NO_VALUE, true);
}

void decoder_smp_unet(struct graph *graph, value_id x, encoder *encode,
                      const struct model_options *options) {
    static const size_t widths[] = {256, 128, 64, 32, 16};
    const struct convolution last = {.name = "segmentation_head.0",
                                     .channels = 1,
                                     .window = 3,
                                     .stride = 1,
                                     .pad = 1,
                                     .bias = true};
    const struct feature_maps f = encode(graph, x, "encoder");
    const value_id skips[] = {f.at16, f.at8, f.at4, f.at2, NO_VALUE};
    value_id y = f.at32;
    for (size_t level = 0; level < 5; level++) {
        y = upsample_nearest(graph, y);
        if (skips[level] != NO_VALUE) {
            y = concat(graph, y, skips[level]);
        }
        y = layer(graph, y, level, "conv1", widths[level]);
        y = layer(graph, y, level, "conv2", widths[level]);
    }
    output_logits(graph, widen(graph, convolution(graph, y, &last)), options);
}
