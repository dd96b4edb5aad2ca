// RAdam with decoupled weight decay: Liu et al. 2020, "On the Variance of the Adaptive Learning
// Rate and Beyond", as its authors' code has it: adapted from 5 degrees of freedom on, un-adapted
// momentum before.
#include "optimizer/radam/radam.h"

#include "core/simd.h"
#include "optimizer/optimizer.h"

enum { BETA1, BETA2, EPSILON }; // of the settings

static struct optimizer_coefficients begin(int64_t step, double rate, double decay,
                                           const double *values) {
    const double beta1 = values[BETA1];
    const double beta2 = values[BETA2];
    const double decayed = pow(beta2, (double)step);
    const double limit = 2 / (1 - beta2) - 1;
    const double degrees = limit - 2 * (double)step * decayed / (1 - decayed);
    double correction = rate / (1 - pow(beta1, (double)step));
    if (degrees >= 5) {
        correction *= sqrt((1 - decayed) * (degrees - 4) / (limit - 4) * (degrees - 2) / degrees *
                           limit / (limit - 2));
    }
    return (struct optimizer_coefficients){.values = {[RADAM_BETA1] = (float)beta1,
                                                      [RADAM_BETA2] = (float)beta2,
                                                      [RADAM_GRADIENT] = (float)(1 - beta1),
                                                      [RADAM_SQUARE] = (float)(1 - beta2),
                                                      [RADAM_EPSILON] = (float)values[EPSILON],
                                                      [RADAM_KEEP] = (float)(1 - rate * decay),
                                                      [RADAM_CORRECTION] = (float)correction,
                                                      [RADAM_ADAPTED] = degrees >= 5 ? 1 : 0}};
}

VECTORISED static void update(const struct optimizer_coefficients *coefficients, float *parameters,
                              const float *gradients, float *const *moments, size_t count) {
    const struct optimizer_coefficients c = *coefficients;
    float *mean = moments[RADAM_MEAN];
    float *variance = moments[RADAM_VARIANCE];
    for (size_t i = 0; i < count; i++) {
        float of_one[RADAM_MOMENTS] = {[RADAM_MEAN] = mean[i], [RADAM_VARIANCE] = variance[i]};
        parameters[i] = radam_update(c.values, parameters[i], gradients[i], of_one);
        mean[i] = of_one[RADAM_MEAN];
        variance[i] = of_one[RADAM_VARIANCE];
    }
}

const struct optimizer_rule radam_optimizer = {
    .name = "radam",
    .moments = RADAM_MOMENTS,
    .moment =
        {[RADAM_MEAN] = {.name = "mean"}, [RADAM_VARIANCE] = {.name = "variance", .squared = true}},
    .settings = {[BETA1] = {.name = "radam-beta1",
                            .argument = "B",
                            .help = "what a step leaves of RAdam's mean of the gradients",
                            .minimum = 0,
                            .maximum = 0.99999,
                            .usual = 0.9},
                 [BETA2] = {.name = "radam-beta2",
                            .argument = "B",
                            .help = "what a step leaves of RAdam's mean of their squares",
                            .minimum = 0,
                            .maximum = 0.99999,
                            .usual = 0.999},
                 [EPSILON] = {.name = "radam-epsilon",
                              .argument = "E",
                              .help = "added to RAdam's deviation",
                              .minimum = 1e-12,
                              .maximum = 1,
                              .usual = 1e-8}},
    .begin = begin,
    .update = update,
};
