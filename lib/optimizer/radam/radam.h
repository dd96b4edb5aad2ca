// RAdam with decoupled weight decay.
#ifndef PLEURA_OPTIMIZER_RADAM_RADAM_H
#define PLEURA_OPTIMIZER_RADAM_RADAM_H

#include <stddef.h>
#include <stdint.h>

struct radam_step {
    double rate;
    double decay;      // p -= rate * decay * p first; 0 for what does not decay
    double correction; // what the mean is multiplied with, the rate included
    int adapted;       // whether the mean is divided by the deviation
};

// The factors of step `step` (from 1): Liu et al. 2020, "On the Variance of the Adaptive Learning
// Rate and Beyond", as its authors' code has it: adapted from 5 degrees of freedom on, un-adapted
// momentum before. Betas 0.9 and 0.999.
struct radam_step radam_factors(int64_t step, double rate, double decay);

// One update of `count` numbers, epsilon 1e-8:
// v = 0.999 v + 0.001 g^2; m = 0.9 m + 0.1 g; p -= rate * decay * p;
// p -= correction * m / (sqrt(v) + epsilon), or correction * m.
void radam_update(const struct radam_step *step, float *values, const float *gradients, float *mean,
                  float *variance, size_t count);

#endif
