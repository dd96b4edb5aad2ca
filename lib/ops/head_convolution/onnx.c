// head_convolution in ONNX: nothing is dropped in prediction.
#include "onnx/onnx.h"
#include "ops/kernels.h"

onnx_id head_convolution_onnx(struct onnx *model, const struct node *node) {
    const onnx_id inputs[] = {onnx_input(model, node, 0), onnx_parameter(model, node, 0),
                              onnx_parameter(model, node, 1)};
    return onnx_node(model, "Conv", 3, inputs);
}
