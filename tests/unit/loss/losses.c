// Every term of losses.def, found in its table: gradients by finite differences, on each head that
// it reads and on no other; its options; the CUDA side with the CPU's where there is one.
#include "core/numbers/random.h"
#include "train/training.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../device.h"

enum { HEADS = 3, IMAGES = 3, PIXELS = 90, MAPS = IMAGES * PIXELS, DEVICES = 2 };
static const char *const devices[DEVICES] = {"cpu", "cuda"};

// A batch: an image with few lesion pixels, one with none, one with nothing else.
struct batch {
    float logits[HEADS][MAPS], global[IMAGES];
    uint8_t masks[MAPS];
};

// What a device makes of it.
struct answer {
    struct loss_sums sums;
    float gradients[HEADS][MAPS], global[IMAGES];
};

// Multiples of 1/64, and a quarter of that, in an order that is drawn: no logit is nearer than
// twice a difference's step to where terms may bend: another logit, or its negative, plus a whole
// number.
static void draw(struct batch *batch) {
    struct random random = random_seed(4, 0, 0);
    for (size_t head = 0; head < HEADS; head++) {
        for (size_t i = 0; i < MAPS; i++) {
            const size_t other = (size_t)(random_next(&random) % (i + 1));
            batch->logits[head][i] = batch->logits[head][other];
            batch->logits[head][other] = ((float)i - MAPS / 2 + 0.25F) / 64;
        }
    }
    for (size_t i = 0; i < IMAGES; i++) {
        batch->global[i] = (float)i - 0.8F;
    }
    for (size_t i = 0; i < MAPS; i++) {
        batch->masks[i] = i < PIXELS ? i % 7 == 0 : i >= MAPS - PIXELS;
    }
}

// One term alone, with all that it can do: settings that are usually 0 are not.
static struct loss_options only(int term) {
    struct loss_options options = loss_options_usual();
    for (int i = 0; i < LOSSES; i++) {
        options.weights[i] = i == term ? 0.5 : 0;
    }
    for (int k = 0; k < MAX_LOSS_SETTINGS; k++) {
        const struct setting *setting = &loss_terms[term]->settings[k];
        if (setting->name != NULL && setting->usual == 0) {
            options.values[term][k] = fmin(0.3, setting->maximum);
        }
    }
    return options;
}

static double scale_of_gradients = 0.25;

static void run(struct backend *backend, const struct batch *batch,
                const struct loss_options *options, struct answer *answer) {
    const struct backend_calls *calls = backend->calls;
    const struct training_calls *training = training_of(backend);
    void *memory[2 * HEADS + 5];
    size_t held = 0;
    struct loss_inputs inputs = {.heads = HEADS, .images = IMAGES, .pixels = PIXELS};
    memset(answer, 0, sizeof *answer);
    for (size_t head = 0; head < HEADS; head++) {
        inputs.logits[head] = memory[held++] =
            device_copy(backend, batch->logits[head], sizeof batch->logits[head]);
        // Nothing that was there before counts.
        inputs.gradients[head] = memory[held++] =
            device_copy(backend, batch->logits[head], sizeof batch->logits[head]);
    }
    inputs.global = memory[held++] = device_copy(backend, batch->global, sizeof batch->global);
    inputs.global_gradient = memory[held++] =
        device_copy(backend, batch->global, sizeof batch->global);
    inputs.masks = memory[held++] = device_copy(backend, batch->masks, sizeof batch->masks);
    struct loss_sums *sums = memory[held++] =
        device_copy(backend, &answer->sums, sizeof answer->sums);
    void *scratch = memory[held++] =
        calls->alloc(backend, training->loss_scratch(backend, &inputs, options));
    assert_non_null(scratch);
    training->loss(backend, &inputs, options, scale_of_gradients, sums, scratch);
    calls->get(backend, &answer->sums, sums, sizeof answer->sums);
    for (size_t head = 0; head < HEADS; head++) {
        calls->get(backend, answer->gradients[head], inputs.gradients[head],
                   sizeof answer->gradients[head]);
    }
    calls->get(backend, answer->global, inputs.global_gradient, sizeof answer->global);
    while (held > 0) {
        calls->release(backend, memory[--held]);
    }
}

// ---- finite differences

struct trial {
    struct backend *backend;
    struct batch batch;
    struct loss_options options;
    int term;
};

// (f(z + h) - f(z - h)) / 2h of one logit.
static double difference(struct trial *trial, float *logit) {
    static struct answer up;
    static struct answer down;
    const float step = 1.0F / 512;
    const float logit_before = *logit;
    *logit = logit_before + step;
    run(trial->backend, &trial->batch, &trial->options, &up);
    *logit = logit_before - step;
    run(trial->backend, &trial->batch, &trial->options, &down);
    *logit = logit_before;
    return (up.sums.total - down.sums.total) / (2 * (double)step);
}

static void check_gradient(struct trial *trial, const char *head, bool reads, float *logits,
                           const float *gradient, size_t count) {
    const char *name = loss_terms[trial->term]->name;
    double error = 0;
    double size = 0;
    for (size_t i = 0; i < count; i++) {
        const double wanted = scale_of_gradients * difference(trial, &logits[i]);
        error += pow((double)gradient[i] - wanted, 2);
        size += wanted * wanted;
    }
    if (!reads && (size != 0 || error != 0)) {
        fail_msg("%s: reads the %s head, and should not", name, head);
    }
    if (reads && !(size > 0 && sqrt(error / size) <= 1e-3)) {
        fail_msg("%s: the gradient of the %s head is off by %g of %g", name, head, sqrt(error),
                 sqrt(size));
    }
}

static void gradients_are_those_of_finite_differences(void **state) {
    static struct trial trial;
    static struct answer answer;
    (void)state;
    trial.backend = opened("cpu");
    draw(&trial.batch);
    for (trial.term = 0; trial.term < LOSSES; trial.term++) {
        const unsigned heads = loss_terms[trial.term]->heads;
        trial.options = only(trial.term);
        run(trial.backend, &trial.batch, &trial.options, &answer);
        assert_true(answer.sums.total > 0);
        assert_true(answer.sums.total == answer.sums.terms[trial.term]);
        check_gradient(&trial, "main", heads & LOSS_MAIN_HEAD, trial.batch.logits[0],
                       answer.gradients[0], MAPS);
        check_gradient(&trial, "auxiliary", heads & LOSS_AUXILIARY_HEADS, trial.batch.logits[1],
                       answer.gradients[1], MAPS);
        check_gradient(&trial, "global", heads & LOSS_GLOBAL_HEAD, trial.batch.global,
                       answer.global, IMAGES);
    }
    backend_close(trial.backend);
}

// ---- sums, devices, threads

static void each_term_is_the_same_on_both_devices(void **state) {
    static struct batch batch;
    static struct answer answers[DEVICES];
    (void)state;
    draw(&batch);
    struct backend *backends[DEVICES] = {opened(devices[0]), opened(devices[1])};
    for (int term = 0; term < LOSSES; term++) {
        const struct loss_options options = only(term);
        const char *name = loss_terms[term]->name;
        struct error error;
        if (!training_has_losses(backends[1], &options, &error)) {
            assert_non_null(strstr(error.text, name));
            continue;
        }
        for (int device = 0; device < DEVICES; device++) {
            run(backends[device], &batch, &options, &answers[device]);
        }
        const double wanted = answers[0].sums.total;
        double apart = fabs(answers[1].sums.total - wanted) / wanted;
        for (size_t head = 0; head < HEADS; head++) {
            apart =
                fmax(apart, distance(answers[1].gradients[head], answers[0].gradients[head], MAPS));
        }
        apart = fmax(apart, distance(answers[1].global, answers[0].global, IMAGES));
        if (!(apart <= 1e-6)) {
            fail_msg("%s: off by %g", name, apart);
        }
    }
    backend_close(backends[0]);
    backend_close(backends[1]);
}

static void the_total_is_the_sum_of_the_terms(void **state) {
    static struct batch batch;
    static struct answer all;
    static struct answer one;
    struct loss_options options = loss_options_usual();
    double total = 0;
    (void)state;
    draw(&batch);
    struct backend *backend = opened("cpu");
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_options single = only(i);
        options.weights[i] = 0.5;
        memcpy(options.values[i], single.values[i], sizeof single.values[i]);
    }
    run(backend, &batch, &options, &all);
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_options single = only(i);
        run(backend, &batch, &single, &one);
        assert_true(one.sums.terms[i] == all.sums.terms[i]);
        total += one.sums.total;
    }
    assert_true(fabs(total - all.sums.total) <= 1e-12 * total);
    backend_close(backend);
}

static void any_number_of_threads_gives_the_same_bytes(void **state) {
    static struct batch batch;
    static struct answer answers[2];
    const struct loss_options options = loss_options_usual();
    struct error error;
    (void)state;
    draw(&batch);
    for (int i = 0; i < 2; i++) {
        struct backend *backend = backend_open("cpu", PRECISION_F32, 1 + 4 * i, &error);
        assert_non_null(backend);
        run(backend, &batch, &options, &answers[i]);
        backend_close(backend);
    }
    assert_memory_equal(&answers[0], &answers[1], sizeof answers[0]);
}

// ---- the table

static void a_term_without_its_head_is_told_by_name(void **state) {
    struct loss_options options = loss_options_usual();
    struct error error;
    (void)state;
    options.weights[LOSS_global] = 0;
    assert_true(total_loss_has_heads(false, &options, &error));
    options.weights[LOSS_global] = 0.1;
    assert_false(total_loss_has_heads(false, &options, &error));
    assert_non_null(strstr(error.text, "the loss global is of a global logit"));
    assert_true(total_loss_has_heads(true, &options, &error));
}

static void a_device_without_a_term_is_told_by_name(void **state) {
    static const bool none[LOSSES] = {false};
    const struct training_calls calls = {.has_loss = none};
    const struct backend backend = {.training = &calls};
    struct error error;
    (void)state;
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_options options = only(i);
        assert_false(training_has_losses(&backend, &options, &error));
        assert_non_null(strstr(error.text, loss_terms[i]->name));
    }
}

static void check_setting(const struct setting *setting) {
    assert_true(setting->name == NULL || (setting->argument != NULL && setting->help != NULL));
    assert_true(setting->name == NULL ||
                (setting->minimum < setting->maximum && setting->usual >= setting->minimum &&
                 setting->usual <= setting->maximum));
}

static void settings_have_ranges_with_their_usual_value(void **state) {
    (void)state;
    for (int i = 0; i < LOSSES; i++) {
        check_setting(&loss_terms[i]->weight);
        for (int k = 0; k < MAX_LOSS_SETTINGS; k++) {
            check_setting(&loss_terms[i]->settings[k]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_finite_differences),
        cmocka_unit_test(each_term_is_the_same_on_both_devices),
        cmocka_unit_test(the_total_is_the_sum_of_the_terms),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(a_term_without_its_head_is_told_by_name),
        cmocka_unit_test(a_device_without_a_term_is_told_by_name),
        cmocka_unit_test(settings_have_ranges_with_their_usual_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
