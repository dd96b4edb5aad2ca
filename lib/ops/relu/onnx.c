// relu in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id relu_onnx(struct onnx *model, const struct node *node) {
    return onnx_unary(model, "Relu", onnx_input(model, node, 0));
}
