// Adam's update of one parameter, for the host and for devices, and what AdamW shares with it.
#ifndef PLEURA_OPTIMIZER_ADAM_ADAM_H
#define PLEURA_OPTIMIZER_ADAM_ADAM_H

#include "core/device.h"
#include "optimizer/optimizer.h"

#include <math.h>

enum { ADAM_MEAN, ADAM_VARIANCE, ADAM_MOMENTS };

enum { // the coefficients
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_GRADIENT, // 1 - beta1
    ADAM_SQUARE,   // 1 - beta2
    ADAM_EPSILON,
    ADAM_PENALTY,    // what of a parameter is added to its gradient
    ADAM_KEEP,       // what the decay leaves of a parameter
    ADAM_CORRECTION, // what the mean is multiplied with, the rate included
    ADAM_DEVIATION,  // what the deviation is multiplied with
};

// With gradient g: g = g + penalty p; v = beta2 v + (1 - beta2) g^2; m = beta1 m + (1 - beta1) g;
// p = keep p - correction m / (deviation sqrt(v) + epsilon). Returns p, changes the moments.
ON_DEVICE static inline float adam_update(const float *c, float p, float g, float *moments) {
    const float penalised = g + c[ADAM_PENALTY] * p;
    const float variance =
        moments[ADAM_VARIANCE] * c[ADAM_BETA2] + c[ADAM_SQUARE] * penalised * penalised;
    const float mean = moments[ADAM_MEAN] * c[ADAM_BETA1] + c[ADAM_GRADIENT] * penalised;
    moments[ADAM_VARIANCE] = variance;
    moments[ADAM_MEAN] = mean;
    return p * c[ADAM_KEEP] -
           c[ADAM_CORRECTION] * mean / (c[ADAM_DEVIATION] * sqrtf(variance) + c[ADAM_EPSILON]);
}

// optimizer_rule.begin with both kinds of decay: `penalty` p is added to the gradient; p -= rate *
// decay * p.
struct optimizer_coefficients adam_begin(int64_t step, double rate, double penalty, double decay,
                                         const double *values);

// optimizer_rule.update of both.
void adam_update_all(const struct optimizer_coefficients *coefficients, float *parameters,
                     const float *gradients, float *const *moments, size_t count);

// optimizer_rule.moment and optimizer_rule.settings of both; NAME begins the options, TITLE is for
// people.
#define ADAM_MOMENT                                                                                \
    { [ADAM_MEAN] = {.name = "mean"}, [ADAM_VARIANCE] = {.name = "variance", .squared = true}, }
#define ADAM_SETTINGS(NAME, TITLE)                                                                 \
    {                                                                                              \
        {.name = NAME "-beta1",                                                                    \
         .argument = "B",                                                                          \
         .help = "what a step leaves of " TITLE "'s mean of the gradients",                        \
         .minimum = 0,                                                                             \
         .maximum = 0.99999,                                                                       \
         .usual = 0.9},                                                                            \
            {.name = NAME "-beta2",                                                                \
             .argument = "B",                                                                      \
             .help = "what a step leaves of " TITLE "'s mean of their squares",                    \
             .minimum = 0,                                                                         \
             .maximum = 0.99999,                                                                   \
             .usual = 0.999},                                                                      \
            {.name = NAME "-epsilon",                                                              \
             .argument = "E",                                                                      \
             .help = "added to " TITLE "'s deviation",                                             \
             .minimum = 1e-12,                                                                     \
             .maximum = 1,                                                                         \
             .usual = 1e-8},                                                                       \
    }

#endif
