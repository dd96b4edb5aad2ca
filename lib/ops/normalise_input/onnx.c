// normalise_input in ONNX: a gray level of any type is a float32 there.
#include "onnx/onnx.h"
#include "ops/kernels.h"
#include "ops/normalise_input/normalise_input.h"

enum { CHANNELS = 3, WHITE = 255 };

onnx_id normalise_input_onnx(struct onnx *model, const struct node *node) {
    static const size_t shape[] = {1, CHANNELS, 1, 1};
    const onnx_id x = onnx_input(model, node, 0);
    float *factors = onnx_numbers(model, CHANNELS);
    float *shifts = onnx_numbers(model, CHANNELS);
    if (onnx_input_shape(model, node, 0).c != 1) {
        return x;
    }
    for (int c = 0; shifts != NULL && c < CHANNELS; c++) {
        shifts[c] = normalise_gray(0, c);
        factors[c] = (float)(((double)normalise_gray(WHITE, c) - shifts[c]) / WHITE);
    }
    const onnx_id scaled =
        onnx_binary(model, "Mul", x, onnx_floats(model, NULL, 4, shape, factors));
    return onnx_binary(model, "Add", scaled, onnx_floats(model, NULL, 4, shape, shifts));
}
