// channel_gate in ONNX.
#include "onnx/onnx.h"
#include "ops/channel_gate/channel_gate.h"
#include "ops/kernels.h"

onnx_id channel_gate_onnx(struct onnx *model, const struct node *node) {
    const struct channel_gate_attributes *attributes = node->attributes;
    const onnx_id x = onnx_input(model, node, 0);
    const onnx_id open = onnx_unary(model, "Sigmoid", onnx_input(model, node, 1));
    const onnx_id y = onnx_binary(model, "Mul", x, open);
    return attributes->keep ? onnx_binary(model, "Add", x, y) : y;
}
