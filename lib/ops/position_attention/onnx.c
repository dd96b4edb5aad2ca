// position_attention in ONNX, by plain operators: all pixels' scores with all others are in memory
// at once.
#include "onnx/onnx.h"
#include "ops/kernels.h"

static onnx_id transpose(struct onnx *model, onnx_id x) {
    const onnx_id y = onnx_unary(model, "Transpose", x);
    onnx_set_integers(model, "perm", 3, (const int64_t[]){0, 2, 1});
    return y;
}

// Images x channels x pixels.
static onnx_id rows(struct onnx *model, const struct node *node, int input) {
    const int64_t sides[] = {0, (int64_t)onnx_input_shape(model, node, input).c, -1};
    return onnx_reshape(model, onnx_input(model, node, input), 3, sides);
}

onnx_id position_attention_onnx(struct onnx *model, const struct node *node) {
    const struct shape shape = onnx_output_shape(model, node);
    const int64_t map[] = {0, (int64_t)shape.c, (int64_t)shape.h, (int64_t)shape.w};
    const onnx_id q = rows(model, node, 0);
    const onnx_id v = rows(model, node, 1);
    const onnx_id scores = onnx_binary(model, "MatMul", transpose(model, q), q);
    const onnx_id shares = onnx_unary(model, "Softmax", scores);
    onnx_set_integer(model, "axis", -1);
    const onnx_id y = onnx_binary(model, "MatMul", v, transpose(model, shares));
    return onnx_reshape(model, y, 4, map);
}
