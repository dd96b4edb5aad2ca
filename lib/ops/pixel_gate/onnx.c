// pixel_gate in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id pixel_gate_onnx(struct onnx *model, const struct node *node) {
    const onnx_id open = onnx_unary(model, "Sigmoid", onnx_input(model, node, 1));
    return onnx_binary(model, "Mul", onnx_input(model, node, 0), open);
}
