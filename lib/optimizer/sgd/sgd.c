// Stochastic gradient descent with momentum as torch.optim.SGD has it (Sutskever et al. 2013, but
// the rate outside of the velocity; no dampening): weight decay is added to the gradient.
#include "optimizer/sgd/sgd.h"

#include "core/simd.h"
#include "optimizer/optimizer.h"

enum { MOMENTUM }; // of the settings

static struct optimizer_coefficients begin(int64_t step, double rate, double decay,
                                           const double *values) {
    (void)step;
    return (struct optimizer_coefficients){.values = {[SGD_RATE] = (float)rate,
                                                      [SGD_MOMENTUM] = (float)values[MOMENTUM],
                                                      [SGD_PENALTY] = (float)decay}};
}

VECTORISED static void update(const struct optimizer_coefficients *coefficients, float *parameters,
                              const float *gradients, float *const *moments, size_t count) {
    const struct optimizer_coefficients c = *coefficients;
    float *velocity = moments[SGD_VELOCITY];
    for (size_t i = 0; i < count; i++) {
        parameters[i] = sgd_update(c.values, parameters[i], gradients[i], &velocity[i]);
    }
}

const struct optimizer_rule sgd_optimizer = {
    .name = "sgd",
    .moments = SGD_MOMENTS,
    .moment = {[SGD_VELOCITY] = {.name = "velocity"}},
    .settings = {[MOMENTUM] = {.name = "sgd-momentum",
                               .argument = "M",
                               .help = "what a step leaves of SGD's velocity",
                               .minimum = 0,
                               .maximum = 0.99999,
                               .usual = 0.9}},
    .begin = begin,
    .update = update,
};
