// What a batch leaves is added to what the batches before it have left.
#ifndef PLEURA_TRAIN_BATCH_SUM_H
#define PLEURA_TRAIN_BATCH_SUM_H

#include "core/device.h"

#include <stddef.h>

// `left` holds what a forward and a backward pass have left, `count` numbers: gradients of the
// learned parameters, then what the batch adds to the running statistics (momentum times its own
// statistic).
struct batch_sum {
    float *left;
    float *sums; // of gradients; NULL: they stay where they are
    float *running;
    const double *momentum; // of each running statistic
    size_t learned, count;
};

// The exponential moving average of PyTorch's batch norm: (1 - momentum) running + momentum new.
ON_DEVICE static inline float running_after(float running, double momentum, float added) {
    return (float)((1 - momentum) * running + added);
}

// Adds on the CPU, and clears what has been added. So a batch's gradients are summed by themselves
// before they meet those of others: the bytes do not depend on where each batch was worked on.
void batch_sum_add(const struct batch_sum *sum, int threads);

#endif
