// RAdam.
#include "optimizer/radam/radam.h"

#include "core/simd.h"
#include "optimizer/radam/terms.h"

#include <math.h>

struct radam_step radam_factors(int64_t step, double rate, double decay) {
    const double decayed = pow(RADAM_BETA2, (double)step);
    const double most = 2 / (1 - RADAM_BETA2) - 1;
    const double degrees = most - 2 * (double)step * decayed / (1 - decayed);
    struct radam_step made = {rate, decay, rate / (1 - pow(RADAM_BETA1, (double)step)),
                              degrees >= 5};
    if (made.adapted) {
        made.correction *= sqrt((1 - decayed) * (degrees - 4) / (most - 4) * (degrees - 2) /
                                degrees * most / (most - 2));
    }
    return made;
}

VECTORISED void radam_update(const struct radam_step *step, float *values, const float *gradients,
                             float *mean, float *variance, size_t count) {
    const float keep = (float)(1 - step->rate * step->decay);
    const float correction = (float)step->correction;
    for (size_t i = 0; i < count; i++) {
        variance[i] = radam_variance(variance[i], gradients[i]);
        mean[i] = radam_mean(mean[i], gradients[i]);
    }
    if (step->adapted) {
        for (size_t i = 0; i < count; i++) {
            values[i] = radam_adapted(values[i], keep, correction, mean[i], variance[i]);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            values[i] = radam_plain(values[i], keep, correction, mean[i]);
        }
    }
}
