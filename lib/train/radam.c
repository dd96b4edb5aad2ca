// RAdam.
#include "train/radam.h"

#include "core/simd.h"

#include <math.h>

static const double beta1 = 0.9;
static const double beta2 = 0.999;
static const float epsilon = 1e-8F;

struct radam_step radam_factors(int64_t step, double rate, double decay) {
    const double decayed = pow(beta2, (double)step);
    const double most = 2 / (1 - beta2) - 1;
    const double degrees = most - 2 * (double)step * decayed / (1 - decayed);
    struct radam_step made = {rate, decay, rate / (1 - pow(beta1, (double)step)), degrees >= 5};
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
    const float old_mean = (float)beta1;
    const float new_mean = (float)(1 - beta1);
    const float old_variance = (float)beta2;
    const float new_variance = (float)(1 - beta2);
    for (size_t i = 0; i < count; i++) {
        const float g = gradients[i];
        variance[i] = variance[i] * old_variance + new_variance * g * g;
        mean[i] = mean[i] * old_mean + new_mean * g;
    }
    if (step->adapted) {
        for (size_t i = 0; i < count; i++) {
            values[i] = values[i] * keep - correction * mean[i] / (sqrtf(variance[i]) + epsilon);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            values[i] = values[i] * keep - correction * mean[i];
        }
    }
}
