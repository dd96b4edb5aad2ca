// channel_attention in ONNX, by plain operators.
#include "onnx/onnx.h"
#include "ops/kernels.h"

// The maximum that the formula adds to -E drops out in the softmax.
onnx_id channel_attention_onnx(struct onnx *model, const struct node *node) {
    const struct shape shape = onnx_output_shape(model, node);
    const int64_t rows[] = {0, (int64_t)shape.c, -1};
    const int64_t map[] = {0, (int64_t)shape.c, (int64_t)shape.h, (int64_t)shape.w};
    const onnx_id x = onnx_reshape(model, onnx_input(model, node, 0), 3, rows);
    const onnx_id transposed = onnx_unary(model, "Transpose", x);
    onnx_set_integers(model, "perm", 3, (const int64_t[]){0, 2, 1});
    const onnx_id energy = onnx_binary(model, "MatMul", x, transposed);
    const onnx_id shares = onnx_unary(model, "Softmax", onnx_unary(model, "Neg", energy));
    onnx_set_integer(model, "axis", -1);
    return onnx_reshape(model, onnx_binary(model, "MatMul", shares, x), 4, map);
}
