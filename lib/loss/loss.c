// The table of the loss's terms.
#include "loss/loss.h"

#define LOSS(name, devices) extern const struct loss_term name##_loss;
#include "loss/losses.def"
#undef LOSS

const struct loss_term *const loss_terms[LOSSES] = {
#define LOSS(name, devices) &name##_loss,
#include "loss/losses.def"
#undef LOSS
};

struct loss_options loss_options_usual(void) {
    struct loss_options options;
    for (int i = 0; i < LOSSES; i++) {
        options.weights[i] = loss_terms[i]->weight.usual;
        for (int k = 0; k < MAX_LOSS_SETTINGS; k++) {
            options.values[i][k] = loss_terms[i]->settings[k].usual;
        }
    }
    return options;
}

bool loss_is_told(const struct loss_options *options, int term) {
    return !loss_terms[term]->optional || options->weights[term] > 0;
}
