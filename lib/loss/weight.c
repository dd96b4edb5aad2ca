// The heads' weights, for the CPU and for CUDA: the CUDA module takes this file without the CPU's
// total, whose threads it has no use for.
#include "loss/total_loss.h"

#define AUXILIARY_WEIGHT 0.4

double loss_weight(const struct loss_inputs *inputs, const struct loss_options *options, int term,
                   size_t head) {
    const unsigned kind = head == inputs->heads ? LOSS_GLOBAL_HEAD
                          : head == 0           ? LOSS_MAIN_HEAD
                                                : LOSS_AUXILIARY_HEADS;
    const double share = kind == LOSS_AUXILIARY_HEADS ? AUXILIARY_WEIGHT : 1;
    return (loss_terms[term]->heads & kind) != 0 ? share * options->weights[term] : 0;
}
