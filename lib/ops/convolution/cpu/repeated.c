// Repeated pixels: phases, and their weights.
#include "ops/convolution/cpu/repeated.h"

#include <string.h>

bool repeated_suits(const struct convolution_problem *problem) {
    const struct convolution_shape *shape = &problem->shape;
    return problem->pass == CONVOLUTION_FORWARD && shape->repeated && shape->window == 3 &&
           shape->stride == 1 && shape->pad == 1 && shape->groups == 1;
}

double repeated_share(const struct convolution_problem *problem) {
    return repeated_suits(problem) ? 4.0 / 9 : 1;
}

// Of even pixels the second and the third row see the same numbers, of odd ones the first and the
// second; columns likewise.
void repeated_weights(const float *weights, size_t windows, size_t phase, float *sums) {
    memset(sums, 0, windows * REPEATED_PHASES * sizeof *sums);
    for (size_t i = 0; i < windows * 9; i++) {
        const size_t y = (i % 9 / 3 + 1 - phase / REPEATED) / 2;
        const size_t x = (i % 3 + 1 - phase % REPEATED) / 2;
        sums[i / 9 * REPEATED_PHASES + REPEATED * y + x] += weights[i];
    }
}

size_t repeated_first(const struct convolution_shape *shape, size_t phase) {
    return (phase / REPEATED * shape->out_width + phase % REPEATED) * shape->out_channels;
}

struct convolution_rows repeated_rows(struct convolution_rows rows, size_t phase) {
    const size_t y = phase / REPEATED;
    return (struct convolution_rows){rows.image, (rows.first + 1 - y) / REPEATED,
                                     (rows.end + 1 - y) / REPEATED};
}
