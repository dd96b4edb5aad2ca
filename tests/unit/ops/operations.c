// Every operation's gradient against differences, in several shapes; bf16 against float32.
#include "trials.h"

#include "models/models.h"

#include <stdio.h>

// ---- gradients

// How far the gradient's product with a direction is from the difference along it, as a part of
// the product of their lengths.
static double gradient_error(struct trial *trial, uint64_t seed) {
    struct random random = random_seed(11, seed, 0);
    const size_t count = executor_learned_count(trial->executor);
    float *values = executor_values(trial->executor);
    const float *gradients = executor_gradients(trial->executor);
    float *start = malloc(count * sizeof *start);
    float *direction = malloc(count * sizeof *direction);
    double product = 0;
    double squares = 0;
    double length = 0;
    assert_non_null(start);
    assert_non_null(direction);
    memcpy(start, values, count * sizeof *start);
    for (size_t i = 0; i < count; i++) {
        direction[i] = draw(&random);
        product += (double)direction[i] * gradients[i];
        squares += (double)gradients[i] * gradients[i];
        length += (double)direction[i] * direction[i];
    }
    const float distance = 3e-4F;
    double ends[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++) {
            values[i] = start[i] + (side == 0 ? distance : -distance) * direction[i];
        }
        ends[side] = loss_of(trial);
    }
    memcpy(values, start, count * sizeof *start);
    free(start);
    free(direction);
    return fabs((ends[0] - ends[1]) / (2 * distance) - product) / sqrt(squares * length);
}

static int ascending(const void *a, const void *b) {
    const double one = *(const double *)a;
    const double other = *(const double *)b;
    return one < other ? -1 : one > other;
}

// A ReLU or a maximum that changes sides within the distance spoils single directions: the median
// of several counts.
static void check_gradients(size_t which, struct shape shape) {
    struct trial trial;
    double errors[9];
    open_trial(&trial, "cpu", GRAPH_TRAIN, which, shape, PRECISION_F32);
    gradients_of(&trial);
    for (uint64_t i = 0; i < 9; i++) {
        errors[i] = gradient_error(&trial, i);
    }
    qsort(errors, 9, sizeof *errors, ascending);
    if (!(errors[4] < 3e-3)) {
        fail_msg("%s of %zu x %zu x %zu x %zu: off by %g", tried[which].name, shape.n, shape.h,
                 shape.w, shape.c, errors[4]);
    }
    close_trial(&trial);
}

static const struct shape shapes[] = {{2, 7, 9, 4},   {3, 6, 13, 1}, {2, 1, 1, 3},
                                      {2, 19, 18, 8}, {1, 8, 6, 40}, {2, 9, 11, 32}};

static void gradients_are_those_of_the_forward_pass(void **state) {
    (void)state;
    for (size_t which = 0; which < TRIED; which++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            if (wanted(which) && shapes[i].h >= tried[which].min_side &&
                shapes[i].w >= tried[which].min_side) {
                check_gradients(which, shapes[i]);
            }
        }
    }
}

// What nobody tries has a gradient that nobody has checked.
static void every_operation_is_tried(void **state) {
    static const char *const names[OPERATIONS] = {
#define OPERATION(name, devices) #name,
#include "ops/ops.def"
#undef OPERATION
    };
    bool met[OPERATIONS] = {false};
    (void)state;
    for (size_t which = 0; which < TRIED; which++) {
        struct trial trial;
        open_trial(&trial, "cpu", GRAPH_TRAIN, which, shapes[3], PRECISION_F32);
        for (int i = 0; i < graph_node_count(trial.graph); i++) {
            met[graph_node_at(trial.graph, i)->operation->index] = true;
        }
        close_trial(&trial);
    }
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (!met[i]) {
            fail_msg("%s is in no row of `tried` (tried.h)", names[i]);
        }
    }
}

// The same step twice gives the same bytes.
static void steps_repeat_to_the_bit(void **state) {
    (void)state;
    for (size_t which = 0; which < TRIED; which++) {
        if (!wanted(which)) {
            continue;
        }
        struct trial trial;
        open_trial(&trial, "cpu", GRAPH_TRAIN, which, shapes[3], PRECISION_F32);
        const size_t bytes = executor_learned_count(trial.executor) * sizeof(float);
        float *before = malloc(bytes);
        assert_non_null(before);
        gradients_of(&trial);
        memcpy(before, executor_gradients(trial.executor), bytes);
        gradients_of(&trial);
        assert_memory_equal(before, executor_gradients(trial.executor), bytes);
        free(before);
        close_trial(&trial);
    }
}

// Brings parameters and input to quarters: what the first layer makes of them bf16 holds as well,
// so that no maximum moves to another pixel.
static void coarsen(struct trial *trial) {
    const size_t count = executor_value_count(trial->executor);
    float *values = memory_for(count);
    trial->backend->calls->get(trial->backend, values, executor_values(trial->executor),
                               count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = rintf(4 * values[i]) / 4;
    }
    for (size_t i = 0; i < trial->pixels; i++) {
        trial->input[i] = rintf(4 * trial->input[i]) / 4;
    }
    fill(trial, executor_values(trial->executor), values, count);
    free(values);
}

static void bf16_stays_near_float32(void **state) {
    (void)state;
    for (size_t which = 0; which < TRIED; which++) {
        if (!wanted(which)) {
            continue;
        }
        struct trial plain;
        struct trial bf16;
        open_trial(&plain, "cpu", GRAPH_TRAIN, which, shapes[3], PRECISION_F32);
        open_trial(&bf16, "cpu", GRAPH_TRAIN, which, shapes[3], PRECISION_BF16);
        coarsen(&plain);
        coarsen(&bf16);
        gradients_of(&plain);
        gradients_of(&bf16);
        const double forward = distance(bf16.result, plain.result, plain.outputs);
        const double backward =
            distance(executor_gradients(bf16.executor), executor_gradients(plain.executor),
                     executor_learned_count(plain.executor));
        if (!(forward < 0.03) || !(backward < 0.1)) {
            fail_msg("%s: off by %g forward, %g backward", tried[which].name, forward, backward);
        }
        close_trial(&plain);
        close_trial(&bf16);
    }
}

// Batches of which nothing can be normalised are refused, with the reason.
static void a_batch_of_one_value_is_refused(void **state) {
    struct error error;
    struct graph *graph = graph_new(GRAPH_TRAIN);
    (void)state;
    assert_non_null(graph);
    const value_id input = graph_input(graph, (struct shape){1, 4, 4, 3}, STORAGE_FLOAT);
    (void)try_norm(graph,
                   global_pool(graph, layer(graph, normalise_input(graph, input), "a", 2, 1, 1)));
    assert_false(graph_check(graph, &error));
    assert_non_null(strstr(error.text, "a batch of 1"));
    graph_free(graph);
}

static void an_operation_that_the_device_lacks_is_named(void **state) {
    const struct kernel *kernels[OPERATIONS] = {
#define OPERATION(name, devices) &name##_cpu,
#include "ops/ops.def"
#undef OPERATION
    };
    struct error error;
    struct graph *graph = graph_new(GRAPH_TRAIN);
    (void)state;
    assert_non_null(graph);
    const value_id input = graph_input(graph, (struct shape){2, 4, 4, 3}, STORAGE_FLOAT);
    const value_id x = layer(graph, normalise_input(graph, input), "a", 2, 1, 1);
    graph_output(graph, head_convolution(graph, upsample(graph, x, 8, 8), "last", 0));
    assert_true(graph_check(graph, &error));
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    assert_non_null(backend);
    backend->kernels = kernels;
    struct executor *executor = executor_new(graph, backend, &error);
    assert_non_null(executor);
    executor_free(executor);
    kernels[OPERATION_upsample] = NULL;
    assert_null(executor_new(graph, backend, &error));
    assert_non_null(strstr(error.text, ": this device has no kernel for upsample"));
    backend_close(backend);
    graph_free(graph);
}

static void networks_have_all_kernels_on_all_devices(void **state) {
    const struct model_options options = {
        .images = 2, .height = 192, .width = 192, .auxiliary = true};
    (void)state;
    for (size_t number = 0; model_name(number) != NULL; number++) {
        const char *name = model_name(number);
        struct error error;
        struct graph *graph = model_build(name, GRAPH_TRAIN, &options, &error);
        assert_non_null(graph);
        if (cpu_only(graph) != NULL) {
            fail_msg("%s: %s has no CUDA kernel", name, cpu_only(graph));
        }
        graph_free(graph);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_forward_pass),
        cmocka_unit_test(every_operation_is_tried),
        cmocka_unit_test(steps_repeat_to_the_bit),
        cmocka_unit_test(bf16_stays_near_float32),
        cmocka_unit_test(a_batch_of_one_value_is_refused),
        cmocka_unit_test(an_operation_that_the_device_lacks_is_named),
        cmocka_unit_test(networks_have_all_kernels_on_all_devices),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
