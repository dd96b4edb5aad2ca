// Every optimiser of optimizers.def against its formula in plain double, and what the table says.
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

static formula *formula_of(enum optimizer_index index) {
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++) {
        if (strcmp(formulas[i].name, optimizer_rules[index]->name) == 0) {
            return formulas[i].formula;
        }
    }
    fail_msg("%s: this test has no formula for it", optimizer_rules[index]->name);
    return NULL;
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
        formula_of(index)(&learner->exact[i], (double)learner->gradients[i], step,
                          i < DECAYING ? DECAY : 0, values);
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
        for (int64_t step = 1; step <= STEPS; step++) {
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

// What PyTorch 2.15's torch.optim makes in float64 of three parameters in 6 steps with these rate
// and decay and the usual settings (SGD: momentum 0.9); gradients of step t: 0.5 / t, 0.25 t - 1
// and 0.01 t^2.
static void updates_are_those_of_torch(void **state) {
    static const struct {
        enum optimizer_index index;
        double parameters[3];
    } wanted[] = {{OPTIMIZER_adam, {0.446837822336, -1.20315785276, 1.93987851919}},
                  {OPTIMIZER_adamw, {0.445800497615, -1.2010327885, 1.93433810017}},
                  {OPTIMIZER_sgd, {0.445803176589, -1.17364238547, 1.94659840916}}};
    const struct optimizer_options options = optimizer_options_usual();
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct optimizer_rule *rule = optimizer_rules[wanted[i].index];
        float parameters[3] = {0.5F, -1.25F, 2};
        float memory[MAX_MOMENTS][3] = {{0}};
        float *const moments[MAX_MOMENTS] = {memory[0], memory[1], memory[2]};
        for (int64_t step = 1; step <= 6; step++) {
            const float t = (float)step;
            const float gradients[3] = {0.5F / t, 0.25F * t - 1, 0.01F * t * t};
            const struct optimizer_coefficients coefficients =
                rule->begin(step, RATE, DECAY, options.values[wanted[i].index]);
            rule->update(&coefficients, parameters, gradients, moments, 3);
        }
        for (size_t k = 0; k < 3; k++) {
            assert_true(fabs((double)parameters[k] - wanted[i].parameters[k]) <= 1e-6);
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
        cmocka_unit_test(gradients_are_clipped_by_the_norm_of_all),
        cmocka_unit_test(an_average_follows_the_parameters),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(a_device_without_an_optimiser_is_told_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
