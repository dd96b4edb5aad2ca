// The learning rate over the iterations.
#ifndef PLEURA_TRAIN_SCHEDULE_H
#define PLEURA_TRAIN_SCHEDULE_H

#include <stdint.h>

// The rate of the optimiser step taken in iteration `i` (from 0) of `iterations`: linear from base
// / 10 to base over the first 5 % of the iterations, then half a cosine from base down to base
// / 10.
double learning_rate(int64_t i, int64_t iterations, double base);

#endif
