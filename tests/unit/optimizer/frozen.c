// An encoder that is frozen at first, on both devices: it stays, its gradients do not count, and
// its first step behind that is a first step.
#include "train/training.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../device.h"

enum { COUNT = 20000, DECAYING = 12000, STEPS = 3 };
static const char *const devices[] = {"cpu", "cuda"};

struct learned {
    float parameters[COUNT], gradients[COUNT], moments[2][COUNT];
    struct gradient_norm norm;
    int64_t bad;
};

static uint8_t is_encoder(size_t i) {
    return i % 300 < 100 || i > DECAYING + 5000;
}

static float gradient_of(size_t i) {
    return sinf((float)i);
}

// Adam's steps, with the encoder in its own count from `first` on; `whole`: none is the encoder's.
static void learn(struct backend *backend, int64_t first, bool whole, struct learned *learned) {
    static float gradients[COUNT];
    static uint8_t encoder[COUNT];
    const struct optimizer_options options = optimizer_options_usual();
    const struct optimizer_rule *rule = optimizer_rules[OPTIMIZER_adam];
    const double *values = options.values[OPTIMIZER_adam];
    void *memory[8];
    for (size_t i = 0; i < COUNT; i++) {
        encoder[i] = is_encoder(i);
        gradients[i] = cosf((float)i);
    }
    struct optimizer_update update = {
        .index = OPTIMIZER_adam, .decaying = DECAYING, .count = COUNT, .clip = 3};
    update.parameters = memory[0] = device_copy(backend, gradients, sizeof gradients);
    update.gradients = memory[1] = device_copy(backend, NULL, sizeof gradients);
    update.moments[0] = memory[2] = device_copy(backend, NULL, sizeof gradients);
    update.moments[1] = memory[3] = device_copy(backend, NULL, sizeof gradients);
    update.encoder = memory[4] = device_copy(backend, encoder, sizeof encoder);
    update.norm_parts = memory[5] = device_copy(backend, NULL, NORM_PARTS * sizeof(double));
    update.norm = memory[6] = device_copy(backend, NULL, sizeof *update.norm);
    update.bad = memory[7] = device_copy(backend, NULL, sizeof *update.bad);
    if (whole) {
        update.encoder = NULL;
    }
    for (int64_t step = 1; step <= STEPS; step++) {
        struct optimizer_coefficients coefficients[4] = {rule->begin(step, 1e-2, 1e-1, values),
                                                         rule->begin(step, 1e-2, 0, values),
                                                         {.frozen = true},
                                                         {.frozen = true}};
        if (step > first) {
            coefficients[2] = rule->begin(step - first, 1e-2, 1e-1, values);
            coefficients[3] = rule->begin(step - first, 1e-2, 0, values);
        }
        for (size_t i = 0; i < COUNT; i++) {
            gradients[i] = gradient_of(i);
        }
        backend->calls->put(backend, update.gradients, gradients, sizeof gradients);
        struct optimizer_coefficients *sent =
            device_copy(backend, coefficients, sizeof coefficients);
        update.coefficients = sent;
        training_of(backend)->update(backend, &update);
        backend->calls->get(backend, &learned->bad, update.bad, sizeof learned->bad);
        backend->calls->release(backend, sent);
    }
    backend->calls->get(backend, learned->parameters, update.parameters, sizeof gradients);
    backend->calls->get(backend, learned->gradients, update.gradients, sizeof gradients);
    for (int k = 0; k < 2; k++) {
        backend->calls->get(backend, learned->moments[k], update.moments[k], sizeof gradients);
    }
    backend->calls->get(backend, &learned->norm, update.norm, sizeof learned->norm);
    for (int i = 0; i < 8; i++) {
        backend->calls->release(backend, memory[i]);
    }
}

static void check_frozen(const struct learned *frozen) {
    double squares = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (is_encoder(i)) {
            assert_true(frozen->parameters[i] == cosf((float)i));
            assert_true(frozen->moments[0][i] == 0 && frozen->moments[1][i] == 0);
        } else {
            assert_true(frozen->parameters[i] != cosf((float)i) || gradient_of(i) == 0);
            squares += pow((double)gradient_of(i), 2);
        }
        assert_true(frozen->gradients[i] == 0);
    }
    assert_true(fabs(frozen->norm.norm - sqrt(squares)) <= 1e-9 * sqrt(squares));
    assert_int_equal(frozen->bad, INT64_MAX);
}

static void the_encoder_stays_while_it_is_frozen(void **state) {
    static struct learned frozen;
    static struct learned thawed;
    static struct learned whole;
    static struct learned never;
    (void)state;
    for (size_t device = 0; device < sizeof devices / sizeof *devices; device++) {
        struct backend *backend = opened(devices[device]);
        learn(backend, STEPS, false, &frozen);
        learn(backend, STEPS - 1, false, &thawed);
        learn(backend, 0, false, &never);
        learn(backend, 0, true, &whole);
        check_frozen(&frozen);
        assert_memory_equal(&never, &whole, sizeof whole);
        for (size_t i = 0; i < COUNT; i++) {
            // Adam's first step is as long as the rate.
            const double decayed = (double)thawed.parameters[i] - (double)frozen.parameters[i];
            if (is_encoder(i) && i >= DECAYING && fabs((double)gradient_of(i)) > 1e-3) {
                assert_true(fabs(fabs(decayed) - 1e-2) <= 1e-5);
            }
        }
        backend_close(backend);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_encoder_stays_while_it_is_frozen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
