// The bias's gradient, in parts of the pixels that do not depend on the threads.
#include "ops/convolution/cpu/bias_gradient.h"

#define PARTS ((size_t)64) // of the pixels, summed each on its own

size_t cpu_bias_gradient_workspace(const struct convolution_shape *shape) {
    return 2 * PARTS * shape->out_channels * sizeof(float);
}

void cpu_add_bias_gradient(const struct convolution_problem *problem, const void *output_gradient,
                           float *bias_gradient, float *workspace) {
    const struct convolution_shape *shape = &problem->shape;
    const size_t channels = shape->out_channels;
    const size_t pixels = shape->images * shape->out_height * shape->out_width;
    if (bias_gradient == NULL) {
        return;
    }
#pragma omp parallel for schedule(static) num_threads(problem->threads)
    for (size_t part = 0; part < PARTS; part++) {
        float *sums = workspace + part * channels;
        float *converted = workspace + (PARTS + part) * channels;
        for (size_t c = 0; c < channels; c++) {
            sums[c] = 0;
        }
        for (size_t i = part * pixels / PARTS; i < (part + 1) * pixels / PARTS; i++) {
            const float *pixel =
                cpu_read(problem->precision, output_gradient, i * channels, channels, converted);
            for (size_t c = 0; c < channels; c++) {
                sums[c] += pixel[c];
            }
        }
    }
    for (size_t part = 0; part < PARTS; part++) {
        for (size_t c = 0; c < channels; c++) {
            bias_gradient[c] += workspace[part * channels + c];
        }
    }
}
