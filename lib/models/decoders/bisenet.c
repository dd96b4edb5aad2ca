// BiSeNet (after Yu et al. 2018): a spatial path, a context path on the encoder with attention
// refinement, feature fusion, dual attention at 1/8.
#include "models/blocks.h"
#include "models/decoders/decoders.h"
#include "ops/ops.h"

// Attention refinement of one map, the coarser one added.
static value_id refine(struct graph *graph, value_id f, const char *level, value_id coarser) {
    const struct layer_name squeeze = graph_name("context_path.arm_%s.arm.1", level);
    const value_id y = cbr(graph, f, graph_name("context_path.arm_%s.cbr", level).text, 128, 3, 1);
    const value_id open = cb(graph, global_pool(graph, y), squeeze.text, 128, 1);
    const value_id z = add(graph, channel_gate(graph, y, open, false), coarser);
    return cbr(graph, z, graph_name("context_path.cbr_%s", level).text, 128, 3, 1);
}

// Feature fusion: both paths through a 1 x 1, and a gate over channels.
static value_id fuse(struct graph *graph, value_id spatial, value_id context) {
    const value_id y = cbr(graph, concat(graph, spatial, context), "ffm.cbr", 128, 1, 1);
    const value_id open = squeeze_excitation(graph, y, "ffm.cse.1.cbr_unit.0",
                                             "ffm.cse.2.cb_unit.0", 64, ACTIVATION_RELU);
    return channel_gate(graph, y, open, true);
}

void decoder_bisenet(struct graph *graph, value_id x, encoder *encode,
                     const struct model_options *options) {
    const double dropout = options->dropout;
    value_id s = cbr(graph, x, "spatial_path.cbr1", 64, 3, 2);
    s = cbr(graph, s, "spatial_path.cbr2", 64, 3, 2);
    s = cbr(graph, s, "spatial_path.cbr3", 128, 3, 2);

    const struct feature_maps f = encode(graph, x, "context_path.backbone", max_pool);
    const value_id g = cbr(graph, global_pool(graph, f.at32), "context_path.cbr_gap", 128, 1, 1);
    const value_id c32 = refine(graph, f.at32, "32x", g);
    const value_id c16 = refine(graph, f.at16, "16x", upsample_to(graph, c32, f.at16));
    const value_id c8 = refine(graph, f.at8, "8x", upsample_to(graph, c16, f.at8));

    value_id y = fuse(graph, s, c8);
    const value_id by_position = cbr(graph, position_branch(graph, y, "pam"), "cbr_pam", 128, 3, 1);
    const value_id by_channel = cbr(graph, channel_branch(graph, y, "cam"), "cbr_cam", 128, 3, 1);
    y = add(graph, by_position, by_channel);

    const value_id any = head(graph, g, "aux_cls_gap", 32, 1, dropout);
    const value_id main =
        add_scaled(graph, head(graph, y, "cls", 32, 3, dropout), any, "gamma_gap");
    output_logits(graph, main, options);
    if (options->auxiliary) {
        const value_id maps[] = {c8, c16, c32};
        const char *names[] = {"aux_cls_8x", "aux_cls_16x", "aux_cls_32x"};
        for (int i = 0; i < 3; i++) {
            const value_id z = head(graph, maps[i], names[i], 32, 3, dropout);
            output_logits(graph, z, options);
        }
    }
    graph_output(graph, any);
}
