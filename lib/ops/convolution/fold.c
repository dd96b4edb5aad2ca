// By running statistics, in double precision.
#include "ops/convolution/fold.h"

#include "ops/norm/formula.h"
#include "ops/norm/norm.h"

void convolution_fold(const float *weights, const float *bias, const float *const *norm,
                      size_t channels, size_t inner, float *folded, float *biases) {
    for (size_t c = 0; c < channels; c++) {
        const double factor = norm_folded_factor(norm[NORM_SCALE][c], norm[NORM_VARIANCE][c]);
        const double own = bias != NULL ? bias[c] : 0;
        for (size_t i = 0; i < inner; i++) {
            folded[c * inner + i] = (float)(weights[c * inner + i] * factor);
        }
        biases[c] = norm_folded_bias(own, norm[NORM_MEAN][c], factor, norm[NORM_SHIFT][c]);
    }
}
