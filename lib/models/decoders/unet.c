// A U-Net: pyramid pooling, and a U-shaped decoder with dual attention at 1/8.
#include "models/blocks.h"
#include "models/decoders/decoders.h"
#include "ops/ops.h"

// A level of the decoder: the skip through a 1 x 1, the map below brought to its size, two 3 x 3.
static value_id join(struct graph *graph, value_id skip, value_id below, const char *level,
                     size_t skip_channels, size_t channels) {
    const value_id lateral =
        cbr(graph, skip, graph_name("c1br_%s", level).text, skip_channels, 1, 1);
    value_id y = concat(graph, lateral, upsample_to(graph, below, skip));
    for (int i = 0; i < 2; i++) {
        y = cbr(graph, y, graph_name("c3br2_%s.%d", level, i).text, channels, 3, 1);
    }
    return y;
}

void decoder_unet(struct graph *graph, value_id x, encoder *encode,
                  const struct model_options *options) {
    const double dropout = options->dropout;
    const struct feature_maps f = encode(graph, x, "backbone", max_pool);
    const value_id p = cbr(graph, pyramid_pool(graph, f.at32), "c3br_ppm", 128, 3, 1);
    const value_id any = head(graph, global_pool(graph, p), "aux_cls_gap", 32, 1, dropout);

    const value_id d16 = join(graph, f.at16, p, "16x", 128, 64);
    value_id d8 = join(graph, f.at8, d16, "8x", 64, 32);
    const value_id by_position =
        cbr(graph, position_branch(graph, d8, "pam"), "c3br_pam", 32, 3, 1);
    const value_id by_channel = cbr(graph, channel_branch(graph, d8, "cam"), "c3br_cam", 32, 3, 1);
    d8 = add(graph, by_position, by_channel);
    const value_id d4 = join(graph, f.at4, d8, "4x", 32, 16);
    const value_id d2 = join(graph, f.at2, d4, "2x", 16, 8);

    const value_id d1 = upsample(graph, d2, options->height, options->width);
    const value_id main =
        add_scaled(graph, head(graph, d1, "cls", 8, 3, dropout), any, "gamma_gap");
    output_logits(graph, main, options);
    if (options->auxiliary) {
        const value_id at4 =
            head(graph, upsample_to(graph, d8, f.at4), "aux_cls_4x", 8, 3, dropout);
        const value_id ppm = head(graph, p, "aux_cls_ppm", 32, 3, dropout);
        output_logits(graph, at4, options);
        output_logits(graph, ppm, options);
    }
    graph_output(graph, any);
}
