// max_pool in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"
#include "ops/max_pool/max_pool.h"

onnx_id max_pool_onnx(struct onnx *model, const struct node *node) {
    const struct max_pool_attributes *attributes = node->attributes;
    const int64_t window = (int64_t)attributes->window;
    const int64_t pad = (int64_t)attributes->pad;
    const onnx_id y = onnx_unary(model, "MaxPool", onnx_input(model, node, 0));
    onnx_set_integers(model, "kernel_shape", 2, (const int64_t[]){window, window});
    onnx_set_integers(model, "strides", 2, (const int64_t[]){2, 2});
    onnx_set_integers(model, "pads", 4, (const int64_t[]){pad, pad, pad, pad});
    return y;
}
