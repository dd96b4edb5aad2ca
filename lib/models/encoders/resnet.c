// ResNet18 (He et al. 2016) without its last layers, as torchvision names them.
#include "models/encoders/encoders.h"

#include "ops/ops.h"

#include <stdio.h>

// A convolution without bias, and its norm, both below `prefix`.
static value_id layer(struct graph *graph, value_id x, const char *prefix,
                      const char *convolution_name, const char *norm_name, size_t channels,
                      size_t window, size_t stride, value_id residual, bool relu) {
    const struct layer_name full = graph_name("%s.%s", prefix, convolution_name);
    const struct layer_name norm = graph_name("%s.%s", prefix, norm_name);
    const struct convolution spec = {.name = full.text,
                                     .channels = channels,
                                     .window = window,
                                     .stride = stride,
                                     .pad = window / 2};
    return convolution_norm(graph, x, &spec, norm.text, residual, relu);
}

static value_id basic_block(struct graph *graph, value_id x, const char *prefix, size_t channels,
                            size_t stride) {
    const value_id y = layer(graph, x, prefix, "conv1", "bn1", channels, 3, stride, NO_VALUE, true);
    if (stride == 2) {
        x = layer(graph, x, prefix, "downsample.0", "downsample.1", channels, 1, 2, NO_VALUE,
                  false);
    }
    return layer(graph, y, prefix, "conv2", "bn2", channels, 3, 1, x, true);
}

struct feature_maps encoder_resnet18(struct graph *graph, value_id x, const char *name) {
    const size_t widths[] = {64, 128, 256, 512};
    value_id maps[4];
    const value_id at2 = layer(graph, x, name, "conv1", "bn1", 64, 7, 2, NO_VALUE, true);
    value_id y = max_pool(graph, at2);
    for (size_t stage = 0; stage < 4; stage++) {
        for (size_t block = 0; block < 2; block++) {
            const struct layer_name prefix = graph_name("%s.layer%zu.%zu", name, stage + 1, block);
            y = basic_block(graph, y, prefix.text, widths[stage], stage > 0 && block == 0 ? 2 : 1);
        }
        maps[stage] = y;
    }
    return (struct feature_maps){at2, maps[0], maps[1], maps[2], maps[3]};
}
