// Adam: Kingma and Ba 2015, arXiv 1412.6980, with weight decay as torch.optim.Adam has it: a
// penalty on squares, whose derivative is added to the gradient.
#include "optimizer/adam/adam.h"

#include "core/simd.h"

enum { BETA1, BETA2, EPSILON }; // of the settings

struct optimizer_coefficients adam_begin(int64_t step, double rate, double penalty, double decay,
                                         const double *values) {
    const double beta1 = values[BETA1];
    const double beta2 = values[BETA2];
    const double t = (double)step;
    return (struct optimizer_coefficients){
        .values = {[ADAM_BETA1] = (float)beta1,
                   [ADAM_BETA2] = (float)beta2,
                   [ADAM_GRADIENT] = (float)(1 - beta1),
                   [ADAM_SQUARE] = (float)(1 - beta2),
                   [ADAM_EPSILON] = (float)values[EPSILON],
                   [ADAM_PENALTY] = (float)penalty,
                   [ADAM_KEEP] = (float)(1 - rate * decay),
                   [ADAM_CORRECTION] = (float)(rate / (1 - pow(beta1, t))),
                   [ADAM_DEVIATION] = (float)(1 / sqrt(1 - pow(beta2, t)))}};
}

VECTORISED void adam_update_all(const struct optimizer_coefficients *coefficients,
                                float *parameters, const float *gradients, float *const *moments,
                                size_t count) {
    const struct optimizer_coefficients c = *coefficients;
    float *mean = moments[ADAM_MEAN];
    float *variance = moments[ADAM_VARIANCE];
    for (size_t i = 0; i < count; i++) {
        float of_one[ADAM_MOMENTS] = {[ADAM_MEAN] = mean[i], [ADAM_VARIANCE] = variance[i]};
        parameters[i] = adam_update(c.values, parameters[i], gradients[i], of_one);
        mean[i] = of_one[ADAM_MEAN];
        variance[i] = of_one[ADAM_VARIANCE];
    }
}

static struct optimizer_coefficients begin(int64_t step, double rate, double decay,
                                           const double *values) {
    return adam_begin(step, rate, decay, 0, values);
}

const struct optimizer_rule adam_optimizer = {
    .name = "adam",
    .moments = ADAM_MOMENTS,
    .moment = ADAM_MOMENT,
    .settings = ADAM_SETTINGS("adam", "Adam"),
    .begin = begin,
    .update = adam_update_all,
};
