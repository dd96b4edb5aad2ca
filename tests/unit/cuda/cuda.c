// The CUDA backend against the CPU's: every operation, in training and prediction, in odd shapes
// and both precisions. PLEURA_CUDA says which device this is: the stand-in on the host, or a real
// one.
#include "../ops/trials.h"

static const struct shape shapes[] = {{2, 7, 9, 4},   {3, 6, 13, 1}, {2, 1, 1, 3},
                                      {2, 19, 18, 8}, {1, 8, 6, 40}, {1, 33, 31, 16},
                                      {2, 12, 12, 64}};

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 }; // slow: one shape tells
#else
enum { SANITIZED = 0 };
#endif

// Numbers of the device; the caller frees.
static float *fetch(struct trial *trial, const void *from, size_t count) {
    float *copy = memory_for(count);
    trial->backend->calls->get(trial->backend, copy, from, count * sizeof *copy);
    return copy;
}

static void compare(const char *what, size_t which, struct shape shape, const float *result,
                    const float *wanted, size_t count, double most) {
    const double apart = distance(result, wanted, count);
    if (!(apart <= most)) {
        fail_msg("%s of %s, %zu x %zu x %zu x %zu: off by %g", what, tried[which].name, shape.n,
                 shape.h, shape.w, shape.c, apart);
    }
}

static void compare_devices(size_t which, struct shape shape, enum graph_mode mode,
                            enum precision precision, double most) {
    struct trial here;
    struct trial there;
    open_trial(&here, "cpu", mode, which, shape, PRECISION_F32);
    if (cpu_only(here.graph) != NULL) {
        close_trial(&here);
        return;
    }
    open_trial(&there, "cuda", mode, which, shape, precision);
    if (mode == GRAPH_TRAIN) {
        gradients_of(&here);
        gradients_of(&there);
        const size_t learned = executor_learned_count(here.executor);
        const size_t all = executor_value_count(here.executor);
        float *gradients = fetch(&there, executor_gradients(there.executor), learned);
        float *values = fetch(&there, executor_values(there.executor), all);
        compare("gradient", which, shape, gradients, executor_gradients(here.executor), learned,
                3 * most);
        compare("statistics", which, shape, values + learned,
                executor_values(here.executor) + learned, all - learned, most);
        free(gradients);
        free(values);
    } else {
        (void)loss_of(&here);
        (void)loss_of(&there);
    }
    compare("output", which, shape, there.result, here.result, here.outputs, most);
    close_trial(&here);
    close_trial(&there);
}

// Position attention in widths that have a way of their own in bf16.
static bool in_widths_of_bf16(size_t which) {
    return strncmp(tried[which].name, "position_attention ", 19) == 0;
}

static void compare_all(enum graph_mode mode, enum precision precision, double most) {
    for (size_t which = 0; which < TRIED; which++) {
        // Over a few numbers bf16's statistics are far off, over many the channels' energies.
        const size_t first = precision == PRECISION_BF16 ? 3 : 0;
        const size_t last = precision == PRECISION_BF16 ? 4 : sizeof shapes / sizeof *shapes - 1;
        const size_t end = SANITIZED ? first + 1 : last + 1;
        for (size_t i = first; i < end; i++) {
            const bool same = precision == PRECISION_F32 && in_widths_of_bf16(which);
            if (!same && shapes[i].h >= tried[which].min_side &&
                shapes[i].w >= tried[which].min_side && wanted(which)) {
                compare_devices(which, shapes[i], mode, precision, most);
            }
        }
    }
}

static void training_agrees(void **state) {
    (void)state;
    compare_all(GRAPH_TRAIN, PRECISION_F32, 2e-5);
}

static void prediction_agrees(void **state) {
    (void)state;
    compare_all(GRAPH_PREDICT, PRECISION_F32, 2e-5);
}

static void training_in_bf16_is_near(void **state) {
    (void)state;
    compare_all(GRAPH_TRAIN, PRECISION_BF16, 0.05);
}

static void prediction_in_bf16_is_near(void **state) {
    (void)state;
    compare_all(GRAPH_PREDICT, PRECISION_BF16, 0.05);
}

// Fewer pixels than a tile of columns holds.
static void attention_to_few_pixels_in_bf16_is_near(void **state) {
    (void)state;
    const struct shape few = {4, 1, 2, 8};
    for (size_t which = 0; which < TRIED; which++) {
        if (in_widths_of_bf16(which) && wanted(which)) {
            compare_devices(which, few, GRAPH_TRAIN, PRECISION_BF16, 0.05);
            compare_devices(which, few, GRAPH_PREDICT, PRECISION_BF16, 0.05);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_agrees),
        cmocka_unit_test(prediction_agrees),
        cmocka_unit_test(training_in_bf16_is_near),
        cmocka_unit_test(prediction_in_bf16_is_near),
        cmocka_unit_test(attention_to_few_pixels_in_bf16_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
