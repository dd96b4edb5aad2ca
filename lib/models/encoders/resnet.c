// ResNets (He et al. 2016) without their last layers, as torchvision names and builds them: where a
// bottleneck halves the map, its 3 x 3 does ("v1.5"). SE-ResNeXt50 (Xie et al. 2017, arXiv
// 1611.05431; Hu et al. 2018) is timm's seresnext50_32x4d.
#include "models/encoders/encoders.h"

#include "models/blocks.h"
#include "ops/ops.h"

#include <stdio.h>

// A convolution without bias, and its norm, both below `prefix`.
static value_id layer(struct graph *graph, value_id x, const char *prefix,
                      const char *convolution_name, const char *norm_name, size_t channels,
                      size_t window, size_t stride, value_id residual, bool relu) {
    const struct layer_name full = graph_name("%s.%s", prefix, convolution_name);
    const struct layer_name norm = graph_name("%s.%s", prefix, norm_name);
    return padded_convolution_norm(graph, x, full.text, norm.text, channels, window, stride,
                                   residual, relu);
}

// What a block adds to its layers: its input, through a 1 x 1 where the output is of another shape.
static value_id shortcut(struct graph *graph, value_id x, const char *prefix, size_t channels,
                         size_t stride) {
    if (stride == 1 && graph_shape(graph, x).c == channels) {
        return x;
    }
    return layer(graph, x, prefix, "downsample.0", "downsample.1", channels, 1, stride, NO_VALUE,
                 false);
}

// Two 3 x 3.
static value_id basic_block(struct graph *graph, value_id x, const char *prefix, size_t width,
                            size_t stride) {
    const value_id y = layer(graph, x, prefix, "conv1", "bn1", width, 3, stride, NO_VALUE, true);
    const value_id skip = shortcut(graph, x, prefix, width, stride);
    return layer(graph, y, prefix, "conv2", "bn2", width, 3, 1, skip, true);
}

// A 1 x 1 to `width` channels, a 3 x 3 of them, a 1 x 1 to four times as many.
static value_id bottleneck(struct graph *graph, value_id x, const char *prefix, size_t width,
                           size_t stride) {
    const size_t wide = 4 * width;
    value_id y = layer(graph, x, prefix, "conv1", "bn1", width, 1, 1, NO_VALUE, true);
    y = layer(graph, y, prefix, "conv2", "bn2", width, 3, stride, NO_VALUE, true);
    const value_id skip = shortcut(graph, x, prefix, wide, stride);
    return layer(graph, y, prefix, "conv3", "bn3", wide, 1, 1, skip, true);
}

// What a block's layers make, through CBAM, and its input.
static value_id attend_and_add(struct graph *graph, value_id y, value_id x, const char *prefix,
                               size_t channels, size_t stride) {
    const value_id skip = shortcut(graph, x, prefix, channels, stride);
    return relu(graph, add(graph, cbam(graph, y, graph_name("%s.cbam", prefix).text), skip));
}

// The same blocks with CBAM, as the method's original has them.
static value_id basic_block_cbam(struct graph *graph, value_id x, const char *prefix, size_t width,
                                 size_t stride) {
    value_id y = layer(graph, x, prefix, "conv1", "bn1", width, 3, stride, NO_VALUE, true);
    y = layer(graph, y, prefix, "conv2", "bn2", width, 3, 1, NO_VALUE, false);
    return attend_and_add(graph, y, x, prefix, width, stride);
}

static value_id bottleneck_cbam(struct graph *graph, value_id x, const char *prefix, size_t width,
                                size_t stride) {
    const size_t wide = 4 * width;
    value_id y = layer(graph, x, prefix, "conv1", "bn1", width, 1, 1, NO_VALUE, true);
    y = layer(graph, y, prefix, "conv2", "bn2", width, 3, stride, NO_VALUE, true);
    y = layer(graph, y, prefix, "conv3", "bn3", wide, 1, 1, NO_VALUE, false);
    return attend_and_add(graph, y, x, prefix, wide, stride);
}

enum { CARDINALITY = 32, SQUEEZE = 16 };

// The bottleneck with a 3 x 3 in 32 groups of as many channels as the stage has at 64 to 4, gated
// by squeeze and excitation before the input is added.
static value_id se_next_bottleneck(struct graph *graph, value_id x, const char *prefix,
                                   size_t width, size_t stride) {
    const size_t wide = 4 * width;
    const struct layer_name name = graph_name("%s.conv2", prefix);
    const struct convolution grouped = {.name = name.text,
                                        .channels = width * 4 / 64 * CARDINALITY,
                                        .window = 3,
                                        .stride = stride,
                                        .pad = 1,
                                        .groups = CARDINALITY};
    value_id y = layer(graph, x, prefix, "conv1", "bn1", grouped.channels, 1, 1, NO_VALUE, true);
    y = convolution_norm(graph, y, &grouped, graph_name("%s.bn2", prefix).text, NO_VALUE, true);
    y = layer(graph, y, prefix, "conv3", "bn3", wide, 1, 1, NO_VALUE, false);
    const value_id open =
        squeeze_excitation(graph, y, graph_name("%s.se.fc1", prefix).text,
                           graph_name("%s.se.fc2", prefix).text, wide / SQUEEZE, ACTIVATION_RELU);
    y = channel_gate(graph, y, open, false);
    return relu(graph, add(graph, y, shortcut(graph, x, prefix, wide, stride)));
}

typedef value_id block_builder(struct graph *graph, value_id x, const char *prefix, size_t width,
                               size_t stride);

// `width`: of the first map, and of the first stage's blocks; each further stage is twice as wide.
// `blocks`: of each of the four stages.
static struct feature_maps resnet(struct graph *graph, value_id x, const char *name, pooling *pool,
                                  block_builder *build, size_t width, const size_t *blocks) {
    value_id maps[4];
    const value_id at2 = layer(graph, x, name, "conv1", "bn1", width, 7, 2, NO_VALUE, true);
    value_id y = pool(graph, at2);
    for (size_t stage = 0; stage < 4; stage++) {
        for (size_t block = 0; block < blocks[stage]; block++) {
            const struct layer_name prefix = graph_name("%s.layer%zu.%zu", name, stage + 1, block);
            y = build(graph, y, prefix.text, width << stage, stage > 0 && block == 0 ? 2 : 1);
        }
        maps[stage] = y;
    }
    return (struct feature_maps){at2, maps[0], maps[1], maps[2], maps[3]};
}

// An encoder of the list: its block, its width, and how many blocks each of the four stages has.
#define RESNET(variant, block, width, ...)                                                         \
    struct feature_maps encoder_##variant(struct graph *graph, value_id x, const char *name,       \
                                          pooling *pool) {                                         \
        return resnet(graph, x, name, pool, block, width, (const size_t[]){__VA_ARGS__});          \
    }

RESNET(resnet18, basic_block, 64, 2, 2, 2, 2)
RESNET(resnet34, basic_block, 64, 3, 4, 6, 3)
RESNET(resnet50, bottleneck, 64, 3, 4, 6, 3)
RESNET(resnet18_w16, basic_block, 16, 2, 2, 2, 2) // for trials: a sixteenth of resnet18's weights
RESNET(resnet18_cbam, basic_block_cbam, 64, 2, 2, 2, 2)
RESNET(resnet34_cbam, basic_block_cbam, 64, 3, 4, 6, 3)
RESNET(resnet50_cbam, bottleneck_cbam, 64, 3, 4, 6, 3)
RESNET(se_resnext50_32x4d, se_next_bottleneck, 64, 3, 4, 6, 3)
