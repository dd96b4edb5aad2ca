// The first place's AlbuNet (TernausNet: Iglovikov, Shvets 2018, arXiv 1801.05746), with its names
// and its usual up-sampling: bilinear, then two 3 x 3 with bias and without norm. The encoder is
// halved by maxima of 2 x 2, and once more behind its last map. It has one head, and no global
// logit.
#include "models/blocks.h"
#include "models/decoders/decoders.h"
#include "ops/ops.h"

enum { STEP = 64 }; // the coarsest map is at 1/64

// A 3 x 3 with bias (name.conv), ReLU.
static value_id layer(struct graph *graph, value_id x, const char *name, size_t channels) {
    const struct layer_name full = graph_name("%s.conv", name);
    const struct convolution spec = {
        .name = full.text, .channels = channels, .window = 3, .stride = 1, .pad = 1, .bias = true};
    return convolution_relu(graph, x, &spec);
}

// Twice as large, then to `middle` and to `channels`.
static value_id block(struct graph *graph, value_id x, const char *name, size_t middle,
                      size_t channels) {
    const struct shape shape = graph_shape(graph, x);
    x = upsample(graph, x, 2 * shape.h, 2 * shape.w);
    x = layer(graph, x, graph_name("%s.block.1", name).text, middle);
    return layer(graph, x, graph_name("%s.block.2", name).text, channels);
}

void decoder_albunet(struct graph *graph, value_id x, encoder *encode,
                     const struct model_options *options) {
    if (options->height % STEP != 0 || options->width % STEP != 0) {
        graph_fail(graph, "sides of %zu x %zu: this network takes multiples of %d", options->height,
                   options->width, STEP);
    }
    const struct feature_maps f = encode(graph, x, "encoder", max_pool_2);
    value_id y = block(graph, max_pool_2(graph, f.at32), "center", 512, 256);
    y = block(graph, concat(graph, y, f.at32), "dec5", 512, 256);
    y = block(graph, concat(graph, y, f.at16), "dec4", 512, 256);
    y = block(graph, concat(graph, y, f.at8), "dec3", 256, 64);
    y = block(graph, concat(graph, y, f.at4), "dec2", 128, 128);
    y = block(graph, y, "dec1", 128, 32);
    y = layer(graph, y, "dec0", 32);
    output_logits(graph, head_convolution(graph, y, "final", 0), options);
}
