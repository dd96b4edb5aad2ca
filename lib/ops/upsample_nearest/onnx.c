// upsample_nearest in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id upsample_nearest_onnx(struct onnx *model, const struct node *node) {
    static const size_t sides = 4;
    static const float factors[] = {1, 1, 2, 2};
    const onnx_id inputs[] = {onnx_input(model, node, 0), ONNX_NONE,
                              onnx_floats(model, NULL, 1, &sides, factors)};
    const onnx_id y = onnx_node(model, "Resize", 3, inputs);
    onnx_set_text(model, "mode", "nearest");
    onnx_set_text(model, "coordinate_transformation_mode", "asymmetric");
    onnx_set_text(model, "nearest_mode", "floor");
    return y;
}
