// The table of optimisers.
#include "optimizer/optimizer.h"

#include <stdio.h>
#include <string.h>

#define OPTIMIZER(name, devices) extern const struct optimizer_rule name##_optimizer;
#include "optimizer/optimizers.def"
#undef OPTIMIZER

const struct optimizer_rule *const optimizer_rules[OPTIMIZERS] = {
#define OPTIMIZER(name, devices) &name##_optimizer,
#include "optimizer/optimizers.def"
#undef OPTIMIZER
};

struct optimizer_options optimizer_options_usual(void) {
    struct optimizer_options options = {.accumulate = 1};
    for (int i = 0; i < OPTIMIZERS; i++) {
        for (int k = 0; k < MAX_OPTIMIZER_SETTINGS; k++) {
            options.values[i][k] = optimizer_rules[i]->settings[k].usual;
        }
    }
    return options;
}

const char *optimizer_choices(void) {
    static const char choices[] =
#define OPTIMIZER(name, devices) "|" #name
#include "optimizer/optimizers.def"
#undef OPTIMIZER
        ;
    return choices + 1;
}

enum optimizer_index optimizer_named(const char *name) {
    enum optimizer_index named = 0;
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        named = strcmp(optimizer_rules[i]->name, name) == 0 ? i : named;
    }
    return named;
}
