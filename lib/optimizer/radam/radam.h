// RAdam's update of one parameter, for the host and for devices.
#ifndef PLEURA_OPTIMIZER_RADAM_RADAM_H
#define PLEURA_OPTIMIZER_RADAM_RADAM_H

#include "core/device.h"

#include <math.h>

enum { RADAM_MEAN, RADAM_VARIANCE, RADAM_MOMENTS };

enum { // the coefficients
    RADAM_BETA1,
    RADAM_BETA2,
    RADAM_GRADIENT, // 1 - beta1
    RADAM_SQUARE,   // 1 - beta2
    RADAM_EPSILON,
    RADAM_KEEP,       // what the decay leaves of a parameter
    RADAM_CORRECTION, // what the mean is multiplied with, the rate included
    RADAM_ADAPTED,    // 1: the mean is divided by the deviation; 0: not
};

// With gradient g: v = beta2 v + (1 - beta2) g^2; m = beta1 m + (1 - beta1) g; then the parameter
// p = keep p - correction m / (sqrt(v) + epsilon), or keep p - correction m. Returns p, changes the
// moments.
ON_DEVICE static inline float radam_update(const float *c, float p, float g, float *moments) {
    const float variance = moments[RADAM_VARIANCE] * c[RADAM_BETA2] + c[RADAM_SQUARE] * g * g;
    const float mean = moments[RADAM_MEAN] * c[RADAM_BETA1] + c[RADAM_GRADIENT] * g;
    moments[RADAM_VARIANCE] = variance;
    moments[RADAM_MEAN] = mean;
    return c[RADAM_ADAPTED] != 0 ? p * c[RADAM_KEEP] - c[RADAM_CORRECTION] * mean /
                                                           (sqrtf(variance) + c[RADAM_EPSILON])
                                 : p * c[RADAM_KEEP] - c[RADAM_CORRECTION] * mean;
}

#endif
