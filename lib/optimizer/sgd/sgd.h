// The update of one parameter by stochastic gradient descent with momentum, for the host and for
// devices.
#ifndef PLEURA_OPTIMIZER_SGD_SGD_H
#define PLEURA_OPTIMIZER_SGD_SGD_H

#include "core/device.h"

enum { SGD_VELOCITY, SGD_MOMENTS };

enum { // the coefficients
    SGD_RATE,
    SGD_MOMENTUM,
    SGD_PENALTY, // what of a parameter is added to its gradient
};

// With gradient g: v = momentum v + g + penalty p; p = p - rate v. Returns p, changes the moment.
ON_DEVICE static inline float sgd_update(const float *c, float p, float g, float *moments) {
    const float velocity = moments[SGD_VELOCITY] * c[SGD_MOMENTUM] + (g + c[SGD_PENALTY] * p);
    moments[SGD_VELOCITY] = velocity;
    return p - c[SGD_RATE] * velocity;
}

#endif
