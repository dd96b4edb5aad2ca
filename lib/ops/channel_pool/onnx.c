// channel_pool in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

static onnx_id reduce(struct onnx *model, const char *operator_type, onnx_id x) {
    static const int64_t axis = 1;
    const onnx_id y = onnx_unary(model, operator_type, x);
    onnx_set_integers(model, "axes", 1, &axis);
    return y;
}

onnx_id channel_pool_onnx(struct onnx *model, const struct node *node) {
    const onnx_id x = onnx_input(model, node, 0);
    const onnx_id greatest = reduce(model, "ReduceMax", x);
    const onnx_id mean = reduce(model, "ReduceMean", x);
    const onnx_id y = onnx_binary(model, "Concat", greatest, mean);
    onnx_set_integer(model, "axis", 1);
    return y;
}
