// What batches leave, added up on both devices. PLEURA_CUDA says which the second one is.
#include "core/numbers/random.h"
#include "train/training.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../device.h"

enum { LEARNED = 40000, OTHERS = 37, COUNT = LEARNED + OTHERS };

static float left[COUNT], sums[LEARNED], running[OTHERS];
static double momentum[OTHERS];

static void draw(void) {
    struct random random = random_seed(1, 2, 3);
    for (size_t i = 0; i < COUNT; i++) {
        left[i] = (float)(random_uniform(&random) - 0.5);
    }
    for (size_t i = 0; i < LEARNED; i++) {
        sums[i] = (float)(random_uniform(&random) - 0.5);
    }
    for (size_t i = 0; i < OTHERS; i++) {
        running[i] = (float)random_uniform(&random);
        momentum[i] = i % 2 == 0 ? 0.1 : 0.01;
    }
}

// What a device holds afterwards.
struct answer {
    float left[COUNT], sums[LEARNED], running[OTHERS];
};

static void add(const char *device, bool with_sums, struct answer *answer) {
    struct error error;
    struct backend *backend = opened(device);
    const struct backend_calls *calls = backend->calls;
    float *device_sums = device_copy(backend, sums, sizeof sums);
    double *device_momentum = device_copy(backend, momentum, sizeof momentum);
    const struct batch_sum sum = {.left = device_copy(backend, left, sizeof left),
                                  .sums = with_sums ? device_sums : NULL,
                                  .running = device_copy(backend, running, sizeof running),
                                  .momentum = device_momentum,
                                  .learned = LEARNED,
                                  .count = COUNT};
    training_of(backend)->add(backend, &sum);
    assert_true(calls->wait(backend, &error));
    calls->get(backend, answer->left, sum.left, sizeof left);
    calls->get(backend, answer->sums, device_sums, sizeof sums);
    calls->get(backend, answer->running, sum.running, sizeof running);
    calls->release(backend, sum.left);
    calls->release(backend, sum.running);
    calls->release(backend, device_sums);
    calls->release(backend, device_momentum);
    backend_close(backend);
}

static void check(const char *device, bool with_sums) {
    static struct answer answer;
    add(device, with_sums, &answer);
    for (size_t i = 0; i < LEARNED; i++) {
        const float sum = sums[i] + left[i];
        assert_true(answer.sums[i] == (with_sums ? sum : sums[i]));
        assert_true(answer.left[i] == (with_sums ? 0 : left[i]));
    }
    for (size_t i = 0; i < OTHERS; i++) {
        const double wanted = (1 - momentum[i]) * running[i] + left[LEARNED + i];
        assert_true(fabs(answer.running[i] - wanted) <= 1e-7);
        assert_true(answer.left[LEARNED + i] == 0);
    }
}

static void devices_add_alike(void **state) {
    (void)state;
    draw();
    check("cpu", true);
    check("cuda", true);
}

static void without_sums_gradients_stay_where_they_are(void **state) {
    (void)state;
    draw();
    check("cpu", false);
    check("cuda", false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_add_alike),
        cmocka_unit_test(without_sums_gradients_stay_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
