// Binary cross entropy of a single logit in double, for the host and for devices: there are few, so
// the C library's functions serve.
#ifndef PLEURA_LOSS_GLOBAL_GLOBAL_H
#define PLEURA_LOSS_GLOBAL_GLOBAL_H

#include "core/device.h"

#include <math.h>

// Of a logit against a target of 0 or 1: see bce_of_logit.
ON_DEVICE static inline double global_bce(double logit, double target, double *derivative) {
    const double u = exp(-fabs(logit));
    *derivative = (logit < 0 ? u : 1) / (1 + u) - target;
    return (logit > 0 ? logit : 0) - logit * target + log1p(u);
}

#endif
