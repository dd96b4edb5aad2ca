// Losses and optimisers of the CUDA backend against the CPU's. PLEURA_CUDA says which device
// this is: the stand-in on the host, or a real one.
#include "core/numbers/random.h"
#include "loss/bce/bce.h"
#include "loss/lovasz/lovasz.h"
#include "train/training.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../device.h"

enum { DEVICES = 2, MAX_LOGITS = 3 * 5000 };
static const char *const devices[DEVICES] = {"cpu", "cuda"};
static bool has_loss[LOSSES], has_optimizer[OPTIMIZERS]; // the second device

// ---- losses

enum lesions { SOME, NONE, ALL, ONE_IMAGE };
enum logits { DRAWN, TIED, SURE, WRONG };
enum kind { SEGMENTATION, CLASSIFICATION };

struct loss_case {
    size_t heads, images, pixels;
    enum lesions lesions;
    enum logits logits;
    enum kind kind;
};

static const struct loss_case loss_cases[] = {
    {1, 2, 4000, SOME, DRAWN, SEGMENTATION},      {4, 3, 5000, SOME, DRAWN, CLASSIFICATION},
    {4, 3, 2049, ONE_IMAGE, DRAWN, SEGMENTATION}, {2, 2, 2047, NONE, DRAWN, CLASSIFICATION},
    {1, 2, 333, ALL, DRAWN, SEGMENTATION},        {1, 1, 1, ALL, DRAWN, SEGMENTATION},
    {4, 2, 1, NONE, WRONG, CLASSIFICATION},       {1, 2, 4096, SOME, TIED, SEGMENTATION},
    {2, 2, 4097, SOME, SURE, CLASSIFICATION},     {1, 3, 2048, SOME, WRONG, SEGMENTATION},
};

static uint8_t mask_of(enum lesions lesions, size_t image, struct random *random) {
    switch (lesions) {
    case SOME: return random_uniform(random) < 0.1;
    case ONE_IMAGE: return image == 1 && random_uniform(random) < 0.3;
    case ALL: return 1;
    case NONE: break;
    }
    return 0;
}

static float logit_of(enum logits logits, uint8_t mask, struct random *random) {
    const double drawn = 8 * random_uniform(random) - 4;
    switch (logits) {
    case DRAWN: return (float)drawn;
    case TIED: return (float)(drawn > 0 ? 0.5 : -0.5);
    case SURE: return mask ? 40 : -40;
    case WRONG: return (float)((mask ? -30 : 30) + drawn);
    }
    return 0;
}

// All terms of both devices count in classification; in segmentation those that usually do.
static struct loss_options options_of(enum kind kind) {
    struct loss_options options = loss_options_usual();
    for (int i = 0; i < LOSSES && kind == CLASSIFICATION; i++) {
        options.weights[i] = has_loss[i] ? 0.3 + 0.1 * i : 0;
    }
    options.values[LOSS_bce][BCE_ALPHA] = kind == CLASSIFICATION ? 0.25 : 0.5;
    options.values[LOSS_lovasz][LOVASZ_MARGIN_LESION] = kind == CLASSIFICATION ? 1 : 5;
    options.values[LOSS_lovasz][LOVASZ_MARGIN_EMPTY] = kind == CLASSIFICATION ? 5 : 1;
    return options;
}

// What a device makes of a case.
struct answer {
    struct loss_sums sums;
    float gradients[MAX_LOSS_HEADS][MAX_LOGITS];
    float global[3];
};

struct loss_call {
    struct backend *backend;
    const struct loss_case *loss_case;
    struct loss_options options;
    struct loss_inputs inputs;
    struct loss_sums *sums;
    void *scratch;
};

static void queue_loss(void *context) {
    struct loss_call *call = context;
    training_of(call->backend)
        ->loss(call->backend, &call->inputs, &call->options, 0.5, call->sums, call->scratch);
}

static void open_loss(struct loss_call *call, const struct loss_case *loss_case,
                      const char *device) {
    static float logits[MAX_LOGITS];
    static uint8_t masks[MAX_LOGITS];
    struct random random = random_seed(3, loss_case->pixels, loss_case->heads);
    const size_t count = loss_case->images * loss_case->pixels;
    *call = (struct loss_call){
        .backend = opened(device), .loss_case = loss_case, .options = options_of(loss_case->kind)};
    call->inputs.heads = loss_case->heads;
    call->inputs.images = loss_case->images;
    call->inputs.pixels = loss_case->pixels;
    for (size_t i = 0; i < count; i++) {
        masks[i] = mask_of(loss_case->lesions, i / loss_case->pixels, &random);
    }
    call->inputs.masks = device_copy(call->backend, masks, count);
    for (size_t head = 0; head < loss_case->heads; head++) {
        for (size_t i = 0; i < count; i++) {
            logits[i] = logit_of(loss_case->logits, masks[i], &random);
        }
        call->inputs.logits[head] = device_copy(call->backend, logits, count * sizeof *logits);
        call->inputs.gradients[head] = device_copy(call->backend, NULL, count * sizeof *logits);
    }
    call->inputs.global = device_copy(call->backend, logits, loss_case->images * sizeof *logits);
    call->inputs.global_gradient =
        device_copy(call->backend, NULL, loss_case->images * sizeof *logits);
    call->sums = device_copy(call->backend, NULL, sizeof *call->sums);
    call->scratch = device_copy(
        call->backend, NULL,
        training_of(call->backend)->loss_scratch(call->backend, &call->inputs, &call->options));
}

static void fetch_loss(const struct loss_call *call, struct answer *answer) {
    const struct backend_calls *calls = call->backend->calls;
    const size_t bytes = call->loss_case->images * call->loss_case->pixels * sizeof(float);
    memset(answer, 0, sizeof *answer);
    for (size_t head = 0; head < call->loss_case->heads; head++) {
        calls->get(call->backend, answer->gradients[head], call->inputs.gradients[head], bytes);
    }
    calls->get(call->backend, answer->global, call->inputs.global_gradient,
               call->loss_case->images * sizeof(float));
    calls->get(call->backend, &answer->sums, call->sums, sizeof answer->sums);
}

static void close_loss(struct loss_call *call) {
    const struct backend_calls *calls = call->backend->calls;
    for (size_t head = 0; head < call->loss_case->heads; head++) {
        calls->release(call->backend, (void *)call->inputs.logits[head]);
        calls->release(call->backend, call->inputs.gradients[head]);
    }
    calls->release(call->backend, (void *)call->inputs.masks);
    calls->release(call->backend, (void *)call->inputs.global);
    calls->release(call->backend, call->inputs.global_gradient);
    calls->release(call->backend, call->sums);
    calls->release(call->backend, call->scratch);
    backend_close(call->backend);
}

// Equal errors may be ranked either way: the sorted gradients of a tied case are the same.
static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a;
    const float y = *(const float *)b;
    return (x > y) - (x < y);
}

static void compare_answers(size_t which, struct answer *answer, struct answer *wanted) {
    const struct loss_case *loss_case = &loss_cases[which];
    for (int i = 0; i < LOSSES; i++) {
        const double sum = answer->sums.terms[i];
        const double want = wanted->sums.terms[i];
        if (!(fabs(sum - want) <= 1e-6 * fabs(want) + 1e-12)) {
            fail_msg("case %zu, %s: %.9g, on the CPU %.9g", which, loss_terms[i]->name, sum, want);
        }
    }
    assert_true(fabs(answer->sums.total - wanted->sums.total) <= 1e-6 * wanted->sums.total);
    for (size_t head = 0; head < loss_case->heads; head++) {
        if (loss_case->logits == TIED) {
            qsort(answer->gradients[head], loss_case->images * loss_case->pixels, sizeof(float),
                  by_value);
            qsort(wanted->gradients[head], loss_case->images * loss_case->pixels, sizeof(float),
                  by_value);
        }
        const double apart = distance(answer->gradients[head], wanted->gradients[head],
                                      loss_case->images * loss_case->pixels);
        if (!(apart <= 1e-6)) {
            fail_msg("case %zu, gradient of head %zu: off by %g", which, head, apart);
        }
    }
    assert_true(distance(answer->global, wanted->global, loss_case->images) <= 1e-6);
}

static void losses_agree(void **state) {
    (void)state;
    static struct answer answers[DEVICES];
    for (size_t i = 0; i < sizeof loss_cases / sizeof *loss_cases; i++) {
        for (int device = 0; device < DEVICES; device++) {
            struct loss_call call;
            open_loss(&call, &loss_cases[i], devices[device]);
            queue_loss(&call);
            fetch_loss(&call, &answers[device]);
            close_loss(&call);
        }
        assert_true(isfinite(answers[0].sums.total));
        compare_answers(i, &answers[1], &answers[0]);
    }
}

static void a_recorded_loss_gives_the_same_bytes(void **state) {
    (void)state;
    static struct answer first;
    static struct answer repeated;
    struct error error;
    struct loss_call call;
    struct recording *recording = NULL;
    open_loss(&call, &loss_cases[1], "cuda");
    const struct backend_calls *calls = call.backend->calls;
    queue_loss(&call);
    fetch_loss(&call, &first);
    assert_true(first.sums.total > 0);
    for (int time = 0; time < 3; time++) {
        calls->clear(call.backend, call.inputs.gradients[0], sizeof(float));
        calls->repeat(call.backend, &recording, queue_loss, &call);
        assert_true(calls->wait(call.backend, &error));
        fetch_loss(&call, &repeated);
        assert_memory_equal(&repeated, &first, sizeof first);
    }
    calls->forget(call.backend, recording);
    close_loss(&call);
}

// ---- the optimisers

enum { COUNT = 3001, DECAYING = 1777 };

struct learner {
    struct backend *backend;
    struct optimizer_update update;
    struct optimizer_coefficients *coefficients;
};

static struct learner open_learner(const char *device, enum optimizer_index index, double clip) {
    static float numbers[COUNT];
    struct random random = random_seed(5, 6, 7);
    struct learner learner = {.backend = opened(device)};
    for (size_t i = 0; i < COUNT; i++) {
        numbers[i] = (float)(2 * random_uniform(&random) - 1);
    }
    learner.coefficients = device_copy(learner.backend, NULL, 2 * sizeof *learner.coefficients);
    learner.update = (struct optimizer_update){
        .index = index,
        .parameters = device_copy(learner.backend, numbers, sizeof numbers),
        .gradients = device_copy(learner.backend, NULL, sizeof numbers),
        .decaying = DECAYING,
        .count = COUNT,
        .coefficients = learner.coefficients,
        .bad = device_copy(learner.backend, NULL, sizeof(int64_t)),
        .clip = clip,
        .norm_parts = device_copy(learner.backend, NULL, NORM_PARTS * sizeof(double)),
        .norm = device_copy(learner.backend, NULL, sizeof(struct gradient_norm)),
        .average = device_copy(learner.backend, numbers, sizeof numbers),
        .gain = 0.25F,
    };
    for (size_t i = 0; i < optimizer_rules[index]->moments; i++) {
        learner.update.moments[i] = device_copy(learner.backend, NULL, sizeof numbers);
    }
    return learner;
}

static void close_learner(struct learner *learner) {
    const struct backend_calls *calls = learner->backend->calls;
    for (size_t i = 0; i < MAX_MOMENTS; i++) {
        calls->release(learner->backend, learner->update.moments[i]);
    }
    calls->release(learner->backend, learner->update.parameters);
    calls->release(learner->backend, learner->update.gradients);
    calls->release(learner->backend, learner->update.bad);
    calls->release(learner->backend, learner->update.norm_parts);
    calls->release(learner->backend, learner->update.norm);
    calls->release(learner->backend, learner->update.average);
    calls->release(learner->backend, learner->coefficients);
    backend_close(learner->backend);
}

// Step `step` with drawn gradients, of which the one at `bad` is not finite; returns the first that
// is not.
static int64_t learn(struct learner *learner, int64_t step, size_t bad) {
    static float gradients[COUNT];
    const enum optimizer_index index = learner->update.index;
    const struct optimizer_options options = optimizer_options_usual();
    struct random random = random_seed(8, (uint64_t)step, 9);
    for (size_t i = 0; i < COUNT; i++) {
        gradients[i] = (float)(2 * random_uniform(&random) - 1);
    }
    if (bad < COUNT) {
        gradients[bad] = INFINITY;
        gradients[COUNT - 1] = NAN;
    }
    const struct optimizer_coefficients coefficients[] = {
        optimizer_rules[index]->begin(step, 1e-2, 1e-1, options.values[index]),
        optimizer_rules[index]->begin(step, 1e-2, 0, options.values[index])};
    const struct backend_calls *calls = learner->backend->calls;
    int64_t found;
    calls->put(learner->backend, learner->coefficients, coefficients, sizeof coefficients);
    calls->put(learner->backend, learner->update.gradients, gradients, sizeof gradients);
    training_of(learner->backend)->update(learner->backend, &learner->update);
    calls->get(learner->backend, &found, learner->update.bad, sizeof found);
    return found;
}

// What 12 steps make of a learner.
struct learned {
    float parameters[COUNT], average[COUNT];
    struct gradient_norm norm;
};

// The gradients are cleared.
static void learn_twelve(const char *device, enum optimizer_index index, double clip,
                         struct learned *learned) {
    static float gradients[COUNT];
    static const float zeros[COUNT];
    struct learner learner = open_learner(device, index, clip);
    const struct backend_calls *calls = learner.backend->calls;
    for (int64_t step = 1; step <= 12; step++) {
        assert_int_equal(learn(&learner, step, COUNT), INT64_MAX);
    }
    calls->get(learner.backend, learned->parameters, learner.update.parameters, sizeof gradients);
    calls->get(learner.backend, learned->average, learner.update.average, sizeof gradients);
    calls->get(learner.backend, gradients, learner.update.gradients, sizeof gradients);
    calls->get(learner.backend, &learned->norm, learner.update.norm, sizeof learned->norm);
    assert_memory_equal(gradients, zeros, sizeof zeros);
    close_learner(&learner);
}

static void compare_learners(enum optimizer_index index, double clip) {
    static struct learned learned[DEVICES];
    const size_t rest = COUNT - DECAYING;
    for (int device = 0; device < DEVICES; device++) {
        learn_twelve(devices[device], index, clip, &learned[device]);
    }
    const float *ours = learned[1].parameters;
    const float *wanted = learned[0].parameters;
    assert_true(distance(ours, wanted, DECAYING) <= 1e-6);
    assert_true(distance(ours + DECAYING, wanted + DECAYING, rest) <= 1e-6);
    assert_true(distance(learned[1].average, learned[0].average, COUNT) <= 1e-6);
    assert_true(distance(learned[0].average, wanted, COUNT) > 1e-3);
    const double norm = learned[0].norm.norm;
    assert_true(fabs(learned[1].norm.norm - norm) <= 1e-12 * norm);
    assert_true((norm > 0) == (clip > 0));
}

static void the_optimisers_agree(void **state) {
    (void)state;
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        if (has_optimizer[i]) {
            compare_learners(i, 0);
            compare_learners(i, 5);
        }
    }
}

static void the_first_gradient_that_is_not_finite_is_told(void **state) {
    (void)state;
    for (int device = 0; device < DEVICES; device++) {
        struct learner learner = open_learner(devices[device], 0, 1);
        assert_int_equal(learn(&learner, 1, 2000), 2000);
        assert_int_equal(learn(&learner, 2, 0), 0);
        assert_int_equal(learn(&learner, 3, COUNT), INT64_MAX);
        close_learner(&learner);
    }
}

// Which rows of the tables have a CUDA side: the others are not compared.
static int look_at_tables(void **state) {
    (void)state;
    struct error error;
    struct backend *backend = opened("cuda");
    for (int i = 0; i < LOSSES; i++) {
        struct loss_options options = {.weights = {0}};
        options.weights[i] = 1;
        has_loss[i] = training_has_losses(backend, &options, &error);
    }
    for (enum optimizer_index i = 0; i < OPTIMIZERS; i++) {
        has_optimizer[i] = training_has_optimizer(backend, i, &error);
    }
    backend_close(backend);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_agree),
        cmocka_unit_test(a_recorded_loss_gives_the_same_bytes),
        cmocka_unit_test(the_optimisers_agree),
        cmocka_unit_test(the_first_gradient_that_is_not_finite_is_told),
    };
    return cmocka_run_group_tests(tests, look_at_tables, NULL);
}
