// AdamW: Adam with decoupled weight decay, Loshchilov and Hutter 2019, arXiv 1711.05101, as
// torch.optim.AdamW has it.
#include "optimizer/adam/adam.h"

static struct optimizer_coefficients begin(int64_t step, double rate, double decay,
                                           const double *values) {
    return adam_begin(step, rate, 0, decay, values);
}

const struct optimizer_rule adamw_optimizer = {
    .name = "adamw",
    .moments = ADAM_MOMENTS,
    .moment = ADAM_MOMENT,
    .settings = ADAM_SETTINGS("adamw", "AdamW"),
    .begin = begin,
    .update = adam_update_all,
};
