// executor_new_within, of other sizes and of other parameters: a network of another size in the
// memory of a larger one.
#include "nn/executor.h"
#include "ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LARGE = 16, SMALL = 8, CHANNELS = 8 };

static struct graph *make(enum graph_mode mode, size_t side) {
    struct graph *graph = graph_new(mode);
    assert_non_null(graph);
    const struct convolution a = {
        .name = "a", .channels = CHANNELS, .window = 3, .stride = 1, .pad = 1, .bias = true};
    const value_id x = graph_input(graph, (struct shape){1, side, side, 3}, STORAGE_FLOAT);
    graph_output(graph, head_convolution(graph, convolution(graph, x, &a), "l", 0));
    return graph;
}

static void fill(struct executor *executor, size_t seed) {
    float *values = executor_values(executor);
    for (size_t i = 0; i < executor_value_count(executor); i++) {
        values[i] = (float)((i * seed) % 11) - 5;
    }
}

// Runs an image of ones and twos; the output's numbers.
static void run(struct executor *executor, size_t side, float *out) {
    float *in = executor_input(executor);
    for (size_t i = 0; i < 3 * side * side; i++) {
        in[i] = 1 + (float)(i % 2);
    }
    executor_begin(executor, 0);
    executor_forward(executor);
    memcpy(out, executor_output(executor, 0), side * side * sizeof *out);
}

static void sizes_take_turns_in_one_memory(void **state) {
    struct error error;
    float alone[2][LARGE * LARGE];
    float out[LARGE * LARGE];
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    struct graph *graphs[] = {make(GRAPH_PREDICT, LARGE), make(GRAPH_PREDICT, SMALL)};
    const size_t sides[] = {LARGE, SMALL};
    (void)state;
    assert_non_null(backend);
    for (int k = 0; k < 2; k++) {
        struct executor *own = executor_new(graphs[k], backend, &error);
        assert_non_null(own);
        fill(own, 37);
        run(own, sides[k], alone[k]);
        executor_free(own);
    }
    struct executor *host = executor_new(graphs[0], backend, &error);
    assert_non_null(host);
    fill(host, 37);
    struct executor *guest = executor_new_within(host, graphs[1], HOSTS_PARAMETERS, &error);
    assert_non_null(guest);
    assert_ptr_equal(executor_values(guest), executor_values(host));
    for (int turn = 0; turn < 2; turn++) {
        run(guest, SMALL, out);
        assert_memory_equal(out, alone[1], SMALL * SMALL * sizeof *out);
        run(host, LARGE, out);
        assert_memory_equal(out, alone[0], LARGE * LARGE * sizeof *out);
    }
    executor_free(guest);
    run(host, LARGE, out); // which has its memory still
    assert_memory_equal(out, alone[0], LARGE * LARGE * sizeof *out);
    executor_free(host);
    graph_free(graphs[0]);
    graph_free(graphs[1]);
    backend_close(backend);
}

// Its parameters are the host's, its memory its own.
static void a_larger_size_works_as_well(void **state) {
    struct error error;
    float alone[LARGE * LARGE];
    float out[LARGE * LARGE];
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    struct graph *small = make(GRAPH_PREDICT, SMALL);
    struct graph *large = make(GRAPH_PREDICT, LARGE);
    (void)state;
    assert_non_null(backend);
    struct executor *own = executor_new(large, backend, &error);
    struct executor *host = executor_new(small, backend, &error);
    assert_non_null(own);
    assert_non_null(host);
    fill(own, 37);
    fill(host, 37);
    run(own, LARGE, alone);
    struct executor *guest = executor_new_within(host, large, HOSTS_PARAMETERS, &error);
    assert_non_null(guest);
    assert_ptr_equal(executor_values(guest), executor_values(host));
    run(guest, LARGE, out);
    assert_memory_equal(out, alone, sizeof out);
    executor_free(guest);
    executor_free(host);
    executor_free(own);
    graph_free(small);
    graph_free(large);
    backend_close(backend);
}

static void models_take_turns_in_one_memory(void **state) {
    struct error error;
    const size_t seeds[] = {37, 41};
    float alone[2][LARGE * LARGE];
    float out[LARGE * LARGE];
    struct executor *models[2];
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    struct graph *graphs[] = {make(GRAPH_PREDICT, LARGE), make(GRAPH_PREDICT, LARGE)};
    (void)state;
    assert_non_null(backend);
    for (int k = 0; k < 2; k++) {
        struct executor *own = executor_new(graphs[k], backend, &error);
        assert_non_null(own);
        fill(own, seeds[k]);
        run(own, LARGE, alone[k]);
        executor_free(own);
    }
    assert_memory_not_equal(alone[0], alone[1], sizeof out);
    models[0] = executor_new(graphs[0], backend, &error);
    assert_non_null(models[0]);
    models[1] = executor_new_within(models[0], graphs[1], OWN_PARAMETERS, &error);
    assert_non_null(models[1]);
    assert_ptr_equal(executor_input(models[1]), executor_input(models[0]));
    fill(models[0], seeds[0]);
    fill(models[1], seeds[1]);
    for (int turn = 0; turn < 4; turn++) {
        run(models[turn % 2], LARGE, out);
        assert_memory_equal(out, alone[turn % 2], sizeof out);
    }
    executor_free(models[1]);
    executor_free(models[0]);
    graph_free(graphs[0]);
    graph_free(graphs[1]);
    backend_close(backend);
}

static size_t zeros_in(const float *values, size_t count) {
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        zeros += values[i] == 0;
    }
    return zeros;
}

// A layer whose weights fill pages.
static struct graph *make_wide(size_t side) {
    struct graph *graph = graph_new(GRAPH_PREDICT);
    assert_non_null(graph);
    const struct convolution a = {.name = "a", .channels = 64, .window = 3, .stride = 1, .pad = 1};
    const struct convolution b = {
        .name = "b", .channels = 64, .window = 3, .stride = 1, .pad = 1, .bias = true};
    const value_id x = graph_input(graph, (struct shape){1, side, side, 3}, STORAGE_FLOAT);
    const value_id y = convolution(graph, convolution(graph, x, &a), &b);
    graph_output(graph, head_convolution(graph, y, "l", 0));
    return graph;
}

static void settled_networks_have_packed_their_weights(void **state) {
    struct error error;
    float alone[2][LARGE * LARGE];
    float out[LARGE * LARGE];
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    struct graph *graphs[] = {make_wide(LARGE), make_wide(SMALL)};
    (void)state;
    assert_non_null(backend);
    struct executor *host = executor_new(graphs[0], backend, &error);
    assert_non_null(host);
    struct executor *guest = executor_new_within(host, graphs[1], HOSTS_PARAMETERS, &error);
    assert_non_null(guest);
    fill(host, 37);
    run(host, LARGE, alone[0]);
    run(guest, SMALL, alone[1]);
    executor_changed(host);
    executor_changed(guest);
    const size_t before = zeros_in(executor_values(host), executor_value_count(host));
    executor_settle(guest);
    assert_int_equal(zeros_in(executor_values(host), executor_value_count(host)), before);
    executor_settle(host);
    assert_true(zeros_in(executor_values(host), executor_value_count(host)) > before + 30000);
    run(guest, SMALL, out);
    assert_memory_equal(out, alone[1], SMALL * SMALL * sizeof *out);
    run(host, LARGE, out);
    assert_memory_equal(out, alone[0], sizeof out);
    executor_free(guest);
    executor_free(host);
    graph_free(graphs[0]);
    graph_free(graphs[1]);
    backend_close(backend);
}

static void training_is_refused(void **state) {
    struct error error;
    struct backend *backend = backend_open("cpu", PRECISION_F32, 1, &error);
    struct graph *small = make(GRAPH_PREDICT, SMALL);
    struct graph *training = make(GRAPH_TRAIN, SMALL);
    (void)state;
    assert_non_null(backend);
    struct executor *host = executor_new(small, backend, &error);
    assert_non_null(host);
    assert_null(executor_new_within(host, training, HOSTS_PARAMETERS, &error));
    assert_non_null(strstr(error.text, "another one's parameters"));
    executor_free(host);
    graph_free(training);
    graph_free(small);
    backend_close(backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_take_turns_in_one_memory),
        cmocka_unit_test(a_larger_size_works_as_well),
        cmocka_unit_test(models_take_turns_in_one_memory),
        cmocka_unit_test(settled_networks_have_packed_their_weights),
        cmocka_unit_test(training_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
