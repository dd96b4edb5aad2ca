// The focal loss for the host and for devices: what one pixel adds.
#ifndef PLEURA_LOSS_FOCAL_FOCAL_H
#define PLEURA_LOSS_FOCAL_FOCAL_H

#include "loss/bce/bce.h"

enum { FOCAL_GAMMA }; // of the settings

// The focal loss of logit z and target t (0 or 1): with q the probability of the target that is
// wrong, q^gamma times the cross entropy, -log(1 - q). q^gamma is exp(gamma log(q)), and -log(q)
// the cross entropy with the other target.
ON_DEVICE static inline float focal_of_logit(float z, float t, float gamma, float *derivative) {
    float towards; // of the cross entropy: q, or -q where the lesion is right
    float away;
    const float entropy = bce_of_logit(z, t, &towards);
    const float other = bce_of_logit(z, 1.0f - t, &away);
    const float factor = exp_negative(-gamma * other);
    *derivative = factor * (towards - gamma * entropy * away);
    return factor * entropy;
}

#endif
