// global_pool in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id global_pool_onnx(struct onnx *model, const struct node *node) {
    return onnx_unary(model, "GlobalAveragePool", onnx_input(model, node, 0));
}
