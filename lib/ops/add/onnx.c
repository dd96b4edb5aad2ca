// add and add_scaled in ONNX. Where the second value has one pixel, it is repeated.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id add_onnx(struct onnx *model, const struct node *node) {
    return onnx_binary(model, "Add", onnx_input(model, node, 0), onnx_input(model, node, 1));
}

onnx_id add_scaled_onnx(struct onnx *model, const struct node *node) {
    const onnx_id gamma = onnx_parameter(model, node, 0);
    const onnx_id scaled = onnx_binary(model, "Mul", onnx_input(model, node, 1), gamma);
    return onnx_binary(model, "Add", onnx_input(model, node, 0), scaled);
}
