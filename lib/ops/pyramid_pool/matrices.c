// The matrices of average pooling and of bilinear interpolation.
#include "ops/pyramid_pool/matrices.h"

#include "nn/bilinear/weights.h"

bool pyramid_matrices(float *down, float *up, size_t n, size_t cells, struct error *error) {
    const size_t step = pyramid_step(n, cells);
    const size_t window = pyramid_window(n, cells);
    struct bilinear_weights weights;
    if (!bilinear_weights_make(&weights, cells, n, error)) {
        return false;
    }
    for (size_t cell = 0; cell < cells; cell++) {
        for (size_t i = 0; i < window; i++) {
            down[cell * n + cell * step + i] = 1.0F / (float)window;
        }
        for (size_t k = weights.first[cell]; k < weights.first[cell + 1]; k++) {
            up[cell * n + weights.outputs[k]] = weights.weights[k];
        }
    }
    bilinear_weights_free(&weights);
    return true;
}
