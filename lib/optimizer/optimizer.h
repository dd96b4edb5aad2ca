// The optimisers: what each is, their table, and an update of all of a network's parameters.
#ifndef PLEURA_OPTIMIZER_OPTIMIZER_H
#define PLEURA_OPTIMIZER_OPTIMIZER_H

#include "core/setting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum optimizer_index {
#define OPTIMIZER(name, devices) OPTIMIZER_##name,
#include "optimizer/optimizers.def"
#undef OPTIMIZER
    OPTIMIZERS
};

enum { MAX_MOMENTS = 3, MAX_OPTIMIZER_SETTINGS = 4, MAX_COEFFICIENTS = 10 };
enum { NORM_PARTS = 256 }; // sums that a norm is added up from, for any number of threads

// The numbers of an update that are the same for all parameters, computed on the host once a step;
// in the optimiser's own order.
struct optimizer_coefficients {
    float values[MAX_COEFFICIENTS];
    bool frozen; // parameters and moments stay, and gradients count as 0
};

// A number that an optimiser keeps of each parameter.
struct optimizer_moment {
    const char *name; // in checkpoints
    bool squared;     // of squares: never below 0
};

struct optimizer_rule {
    const char *name; // a choice of the option --optimizer
    size_t moments;
    struct optimizer_moment moment[MAX_MOMENTS];
    struct setting settings[MAX_OPTIMIZER_SETTINGS]; // options begin with the optimiser's name
    // Returns the coefficients of step `step` (from 1) at a learning rate. `decay`: of weight
    // decay, decoupled (p -= rate * decay * p) or added to the gradient (g + decay * p), as the
    // rule's source has it. `values`: of the settings.
    struct optimizer_coefficients (*begin)(int64_t step, double rate, double decay,
                                           const double *values);
    // Updates `count` parameters, given their gradients and each moment's array.
    void (*update)(const struct optimizer_coefficients *coefficients, float *parameters,
                   const float *gradients, float *const *moments, size_t count);
};

extern const struct optimizer_rule *const optimizer_rules[OPTIMIZERS];

// Which optimiser, and the values of all optimisers' settings in their order.
struct optimizer_options {
    enum optimizer_index index;
    double values[OPTIMIZERS][MAX_OPTIMIZER_SETTINGS];
    double clip;    // the greatest norm of all gradients together; 0: they are taken as they are
    double average; // what an update leaves of the parameters' moving average; 0: there is none
    int64_t frozen_steps; // in which the encoder's parameters stay
    int64_t accumulate;   // batches whose gradients are added up for an update
};

// The first of the table, with the settings' usual values, no clipping, no average,
// nothing frozen, an update each batch.
struct optimizer_options optimizer_options_usual(void);

// "radam|...", for an option.
const char *optimizer_choices(void);

// The optimiser of that name, which must be one of the choices.
enum optimizer_index optimizer_named(const char *name);

// The norm of all gradients together, and what they are multiplied with so that it stays within a
// limit.
struct gradient_norm {
    double norm;
    float factor;
};

// An update of all learned parameters, those with weight decay first. Arrays of `count` numbers.
struct optimizer_update {
    enum optimizer_index index;
    float *parameters, *gradients, *moments[MAX_MOMENTS];
    size_t decaying, count;
    const struct optimizer_coefficients *coefficients; // of those that decay, of the others; with
                                                       // `encoder` likewise of the encoder's
    const uint8_t *encoder;     // 1: a parameter of the encoder; NULL: all are treated alike
    int64_t *bad;               // answer: the first gradient that is not finite, or INT64_MAX
    double clip;                // see struct optimizer_options; where it is above 0:
    double *norm_parts;         // scratch memory, NORM_PARTS numbers
    struct gradient_norm *norm; // answer
    float *average;             // the parameters' moving average, or NULL: after the update
    float gain;                 // average += gain * (parameter - average)
};

// Updates on the CPU and clears the gradients. The result is the same for any number of threads.
void optimizer_run(const struct optimizer_update *update, int threads);

#endif
