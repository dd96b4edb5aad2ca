// concat in ONNX.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id concat_onnx(struct onnx *model, const struct node *node) {
    const onnx_id y =
        onnx_binary(model, "Concat", onnx_input(model, node, 0), onnx_input(model, node, 1));
    onnx_set_integer(model, "axis", 1);
    return y;
}
