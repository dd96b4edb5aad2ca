// global_max_pool in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id global_max_pool_onnx(struct onnx *model, const struct node *node) {
    return onnx_unary(model, "GlobalMaxPool", onnx_input(model, node, 0));
}
