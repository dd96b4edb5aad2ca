// Clipping by the norm of all gradients together, for the host and for devices.
#ifndef PLEURA_OPTIMIZER_CLIP_H
#define PLEURA_OPTIMIZER_CLIP_H

#include "core/device.h"
#include "optimizer/optimizer.h"

#include <math.h>

// Of a sum of squares and a limit; as torch.nn.utils.clip_grad_norm_ has it.
ON_DEVICE static inline struct gradient_norm norm_of_squares(double squares, double limit) {
    struct gradient_norm norm;
    norm.norm = sqrt(squares);
    const double factor = limit / (norm.norm + 1e-6);
    norm.factor = factor < 1 ? (float)factor : 1.0f;
    return norm;
}

#endif
