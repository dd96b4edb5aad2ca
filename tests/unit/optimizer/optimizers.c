// Every optimiser of optimizers.def: what holds for each of them, PyTorch's figures (figures.def),
// for some their formula in plain double, and what the table says.
#include "core/numbers/random.h"
#include "train/training.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 40000, DECAYING = 17777, STEPS = 30 };
#define RATE 1e-2
#define DECAY 1e-1

// A parameter as a formula sees it; moments start as zeros.
struct exact {
    double parameter, moments[MAX_MOMENTS];
    double before; // the parameter at the start
};

typedef void formula(struct exact *exact, double gradient, int64_t step, double decay,
                     const double *values);

// Liu et al. 2020, algorithm 2, with its authors' threshold of 5 degrees of freedom; epsilon beside
// the uncorrected deviation.
static void radam(struct exact *exact, double gradient, int64_t step, double decay,
                  const double *values) {
    const double t = (double)step;
    const double beta1 = values[0];
    const double beta2 = values[1];
    const double limit = 2 / (1 - beta2) - 1;
    const double degrees = limit - 2 * t * pow(beta2, t) / (1 - pow(beta2, t));
    double *mean = &exact->moments[0];
    double *square = &exact->moments[1];
    *mean = beta1 * *mean + (1 - beta1) * gradient;
    *square = beta2 * *square + (1 - beta2) * gradient * gradient;
    const double unbiased = *mean / (1 - pow(beta1, t));
    exact->parameter -= RATE * decay * exact->parameter;
    if (degrees < 5) {
        exact->parameter -= RATE * unbiased;
        return;
    }
    const double rectification =
        sqrt((degrees - 4) * (degrees - 2) * limit / ((limit - 4) * (limit - 2) * degrees));
    exact->parameter -=
        RATE * rectification * sqrt(1 - pow(beta2, t)) * unbiased / (sqrt(*square) + values[2]);
}

// Kingma and Ba 2015, algorithm 1.
static void adam_step(struct exact *exact, double gradient, int64_t step, const double *values) {
    const double t = (double)step;
    double *mean = &exact->moments[0];
    double *square = &exact->moments[1];
    *mean = values[0] * *mean + (1 - values[0]) * gradient;
    *square = values[1] * *square + (1 - values[1]) * gradient * gradient;
    exact->parameter -= RATE * (*mean / (1 - pow(values[0], t))) /
                        (sqrt(*square / (1 - pow(values[1], t))) + values[2]);
}

static void adam(struct exact *exact, double gradient, int64_t step, double decay,
                 const double *values) {
    adam_step(exact, gradient + decay * exact->parameter, step, values);
}

static void adamw(struct exact *exact, double gradient, int64_t step, double decay,
                  const double *values) {
    exact->parameter -= RATE * decay * exact->parameter;
    adam_step(exact, gradient, step, values);
}

// The documentation of torch.optim.SGD, without dampening.
static void sgd(struct exact *exact, double gradient, int64_t step, double decay,
                const double *values) {
    double *velocity = &exact->moments[0];
    (void)step;
    *velocity = values[0] * *velocity + gradient + decay * exact->parameter;
    exact->parameter -= RATE * *velocity;
}

static const struct {
    const char *name;
    formula *formula;
} formulas[] = {{"radam", radam}, {"adam", adam}, {"adamw", adamw}, {"sgd", sgd}};

// NULL: figures.def and what holds for each are its only test.
static formula *formula_of(enum optimizer_index index) {
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++) {
        if (strcmp(formulas[i].name, optimizer_rules[index]->name) == 0) {
            return formulas[i].formula;
        }
    }
    return NULL;
}

// A few parameters, updated by a rule itself.
enum { FEW = 3 };
struct few {
    float parameters[FEW], moments[MAX_MOMENTS][FEW];
};

static struct few few_start(void) {
    return (struct few){.parameters = {0.5F, -1.25F, 2}};
}

static void few_step(struct few *few, enum optimizer_index index, int64_t step, double decay,
                     const double *values, const float *gradients) {
    const struct optimizer_rule *rule = optimizer_rules[index];
    const struct optimizer_coefficients coefficients = rule->begin(step, RATE, decay, values);
    float *moments[MAX_MOMENTS];
    for (size_t i = 0; i < MAX_MOMENTS; i++) {
        moments[i] = few->moments[i];
    }
    rule->update(&coefficients, few->parameters, gradients, moments, FEW);
}

struct learner {
    float parameters[COUNT], gradients[COUNT], moments[MAX_MOMENTS][COUNT];
    struct exact exact[COUNT];
    float *average; // or NULL
};

// Gradients that a run may have: of all sizes, some of them 0.
static float draw_gradient(struct random *random) {
    const double size = pow(10, 4 * random_uniform(random) - 4);
    return random_uniform(random) < 0.1 ? 0 : (float)(size * (2 * random_uniform(random) - 1));
}

static void start(struct learner *learner) {
    struct random random = random_seed(1, 2, 3);
    memset(learner, 0, sizeof *learner);
    for (size_t i = 0; i < COUNT; i++) {
        learner->parameters[i] = (float)(2 * random_uniform(&random) - 1);
        learner->exact[i].parameter = (double)learner->parameters[i];
        learner->exact[i].before = learner->exact[i].parameter;
    }
}

// Returns the norm of the gradients, where they are clipped.
static double take_step(struct learner *learner, enum optimizer_index index, int64_t step,
                        const double *values, int threads, double clip) {
    double norm_parts[NORM_PARTS];
    struct gradient_norm norm = {0};
    const struct optimizer_rule *rule = optimizer_rules[index];
    const struct optimizer_coefficients coefficients[2] = {rule->begin(step, RATE, DECAY, values),
                                                           rule->begin(step, RATE, 0, values)};
    formula *exact = formula_of(index);
    int64_t bad = 0;
    struct optimizer_update update = {.index = index,
                                      .parameters = learner->parameters,
                                      .gradients = learner->gradients,
                                      .decaying = DECAYING,
                                      .count = COUNT,
                                      .coefficients = coefficients,
                                      .bad = &bad,
                                      .clip = clip,
                                      .norm_parts = norm_parts,
                                      .norm = &norm,
                                      .average = learner->average,
                                      .gain = 0.1F};
    for (size_t i = 0; i < rule->moments; i++) {
        update.moments[i] = learner->moments[i];
    }
    struct random random = random_seed(4, 5, (uint64_t)step);
    for (size_t i = 0; i < COUNT; i++) {
        learner->gradients[i] = draw_gradient(&random);
        if (exact != NULL) {
            exact(&learner->exact[i], (double)learner->gradients[i], step, i < DECAYING ? DECAY : 0,
                  values);
        }
    }
    optimizer_run(&update, threads);
    assert_int_equal(bad, INT64_MAX);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(learner->gradients[i] == 0);
    }
    return norm.norm;
}

static void updates_are_those_of_the_formula(void **state) {
    static struct learner learner;
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    for (enum optimizer_index index = 0; index < OPTIMIZERS; index++) {
        start(&learner);
        for (int64_t step = 1; formula_of(index) != NULL && step <= STEPS; step++) {
            take_step(&learner, index, step, options.values[index], 2, 0);
            for (size_t i = 0; i < COUNT; i++) {
                const double apart =
                    fabs((double)learner.parameters[i] - learner.exact[i].parameter);
                if (!(apart <= 2e-6)) {
                    fail_msg("%s, step %d, parameter %zu: off by %g", optimizer_rules[index]->name,
                             (int)step, i, apart);
                }
            }
        }
    }
}

static void any_number_of_threads_gives_the_same_bytes(void **state) {
    static struct learner learners[2];
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    for (enum optimizer_index index = 0; index < OPTIMIZERS; index++) {
        for (int i = 0; i < 2; i++) {
            start(&learners[i]);
            for (int64_t step = 1; step <= 8; step++) {
                take_step(&learners[i], index, step, options.values[index], 1 + 4 * i, 0.1);
            }
        }
        assert_memory_equal(&learners[0], &learners[1], sizeof learners[0]);
    }
}

static void updates_are_those_of_torch(void **state) {
    static const struct {
        enum optimizer_index index;
        double parameters[3];
    } wanted[] = {
#define FIGURES(name, a, b, c) {OPTIMIZER_##name, {a, b, c}},
#include "figures.def"
#undef FIGURES
    };
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const enum optimizer_index index = wanted[i].index;
        struct few few = few_start();
        for (int64_t step = 1; step <= 6; step++) {
            const float t = (float)step;
            const float gradients[FEW] = {0.5F / t, 0.25F * t - 1, 0.01F * t * t};
            few_step(&few, index, step, DECAY, options.values[index], gradients);
        }
        for (size_t k = 0; k < FEW; k++) {
            if (!(fabs((double)few.parameters[k] - wanted[i].parameters[k]) <= 1e-6)) {
                fail_msg("%s, parameter %zu: %.9g, not %.9g", optimizer_rules[index]->name, k,
                         (double)few.parameters[k], wanted[i].parameters[k]);
            }
        }
    }
}

// Of f(p) = (p - 1)^2 / 2 a parameter, whose minimum is at 1.
static double distance(const struct few *few) {
    double sum = 0;
    for (size_t k = 0; k < FEW; k++) {
        sum += pow((double)few->parameters[k] - 1, 2);
    }
    return sqrt(sum);
}

// What holds for each optimiser, whatever its formula.
static void each_goes_to_a_minimum(void **state) {
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    for (enum optimizer_index index = 0; index < OPTIMIZERS; index++) {
        struct few few = few_start();
        const double first = distance(&few);
        double before = first;
        for (int64_t step = 1; step <= 100; step++) {
            float gradients[FEW];
            for (size_t k = 0; k < FEW; k++) {
                gradients[k] = few.parameters[k] - 1;
            }
            few_step(&few, index, step, 0, options.values[index], gradients);
            const double now = distance(&few);
            if (step <= 10 && !(now < before)) {
                fail_msg("%s, step %d: not nearer", optimizer_rules[index]->name, (int)step);
            }
            before = now;
        }
        if (!(before < 0.95 * first)) {
            fail_msg("%s: from %g to %g only", optimizer_rules[index]->name, first, before);
        }
    }
}

static void each_decays_and_else_stays_without_gradients(void **state) {
    static const float none[FEW] = {0};
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    for (enum optimizer_index index = 0; index < OPTIMIZERS; index++) {
        const struct few first = few_start();
        struct few still = first;
        struct few decayed = first;
        for (int64_t step = 1; step <= 10; step++) {
            few_step(&still, index, step, 0, options.values[index], none);
            few_step(&decayed, index, step, DECAY, options.values[index], none);
        }
        assert_memory_equal(still.parameters, first.parameters, sizeof first.parameters);
        for (size_t k = 0; k < FEW; k++) {
            if (!(decayed.parameters[k] / first.parameters[k] < 1)) {
                fail_msg("%s does not decay", optimizer_rules[index]->name);
            }
        }
    }
}

// torch.nn.utils.clip_grad_norm_: limit / (norm + 1e-6), at most 1.
static void gradients_are_clipped_by_the_norm_of_all(void **state) {
    static struct learner free_learner;
    static struct learner clipped;
    const struct optimizer_options options = optimizer_options_usual();
    const double limits[] = {1e9, 0.5};
    (void)state;
    for (int i = 0; i < 2; i++) {
        double squares = 0;
        start(&free_learner);
        start(&clipped);
        take_step(&free_learner, OPTIMIZER_sgd, 1, options.values[OPTIMIZER_sgd], 1, 0);
        const double norm =
            take_step(&clipped, OPTIMIZER_sgd, 1, options.values[OPTIMIZER_sgd], 3, limits[i]);
        for (size_t k = DECAYING; k < COUNT; k++) { // SGD's first velocity is the gradient
            const double gradient = (double)free_learner.moments[0][k];
            const double wanted = gradient * fmin(1, limits[i] / (norm + 1e-6));
            assert_true(fabs((double)clipped.moments[0][k] - wanted) <= 1e-7 * fabs(wanted));
        }
        for (size_t k = 0; k < COUNT; k++) {
            const double decayed = k < DECAYING ? DECAY * free_learner.exact[k].before : 0;
            squares += pow(free_learner.exact[k].moments[0] - decayed, 2);
        }
        assert_true(fabs(norm - sqrt(squares)) <= 1e-9 * norm);
    }
}

static void an_average_follows_the_parameters(void **state) {
    static struct learner learner;
    static float average[COUNT];
    static double exact[COUNT];
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    start(&learner);
    memcpy(average, learner.parameters, sizeof average);
    for (size_t i = 0; i < COUNT; i++) {
        exact[i] = (double)average[i];
    }
    learner.average = average;
    for (int64_t step = 1; step <= STEPS; step++) {
        take_step(&learner, OPTIMIZER_adam, step, options.values[OPTIMIZER_adam], 2, 0);
        for (size_t i = 0; i < COUNT; i++) {
            exact[i] = 0.9 * exact[i] + 0.1 * learner.exact[i].parameter;
            assert_true(fabs((double)average[i] - exact[i]) <= 2e-6);
        }
    }
}

static void the_table_is_whole(void **state) {
    (void)state;
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        const struct optimizer_rule *rule = optimizer_rules[i];
        assert_int_equal(optimizer_named(rule->name), i);
        assert_non_null(strstr(optimizer_choices(), rule->name));
        assert_true(rule->moments <= MAX_MOMENTS);
        for (size_t k = 0; k < rule->moments; k++) {
            assert_non_null(rule->moment[k].name);
        }
        for (size_t k = 0; k < MAX_OPTIMIZER_SETTINGS; k++) {
            const struct setting *setting = &rule->settings[k];
            if (setting->name != NULL) {
                assert_true(strncmp(setting->name, rule->name, strlen(rule->name)) == 0);
                assert_true(setting->minimum <= setting->usual);
                assert_true(setting->usual <= setting->maximum);
            }
        }
    }
}

static void a_device_without_an_optimiser_is_told_by_name(void **state) {
    static const bool none[OPTIMIZERS] = {false};
    const struct training_calls calls = {.has_optimizer = none};
    const struct backend backend = {.training = &calls};
    struct error error;
    (void)state;
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        assert_false(training_has_optimizer(&backend, i, &error));
        assert_non_null(strstr(error.text, optimizer_rules[i]->name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_those_of_the_formula),
        cmocka_unit_test(updates_are_those_of_torch),
        cmocka_unit_test(each_goes_to_a_minimum),
        cmocka_unit_test(each_decays_and_else_stays_without_gradients),
        cmocka_unit_test(gradients_are_clipped_by_the_norm_of_all),
        cmocka_unit_test(an_average_follows_the_parameters),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(a_device_without_an_optimiser_is_told_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
