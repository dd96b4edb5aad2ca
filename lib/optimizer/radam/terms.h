// RAdam's arithmetic for one number, for the host and for devices.
#ifndef PLEURA_OPTIMIZER_RADAM_TERMS_H
#define PLEURA_OPTIMIZER_RADAM_TERMS_H

#include "core/device.h"

#include <math.h>

#define RADAM_BETA1 0.9
#define RADAM_BETA2 0.999
#define RADAM_EPSILON 1e-8F

ON_DEVICE static inline float radam_variance(float variance, float g) {
    return variance * (float)RADAM_BETA2 + (float)(1 - RADAM_BETA2) * g * g;
}

ON_DEVICE static inline float radam_mean(float mean, float g) {
    return mean * (float)RADAM_BETA1 + (float)(1 - RADAM_BETA1) * g;
}

// `keep`: what the decay leaves of the value.
ON_DEVICE static inline float radam_adapted(float value, float keep, float correction, float mean,
                                            float variance) {
    return value * keep - correction * mean / (sqrtf(variance) + RADAM_EPSILON);
}

ON_DEVICE static inline float radam_plain(float value, float keep, float correction, float mean) {
    return value * keep - correction * mean;
}

#endif
