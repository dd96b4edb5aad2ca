// silu in ONNX, whose operators have it from opset 24 on.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id silu_onnx(struct onnx *model, const struct node *node) {
    const onnx_id x = onnx_input(model, node, 0);
    return onnx_binary(model, "Mul", x, onnx_unary(model, "Sigmoid", x));
}
