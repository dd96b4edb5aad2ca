// parameters: first values, which tables of weights fit a network, and where their numbers go.
#include "train/checkpoint/parameters.h"
#include "ops/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS 48

// A network, and its values on this side.
struct fixture {
    struct backend *backend;
    struct graph *graph;
    struct executor *executor;
    float *values;
};

// A backend, and a graph that has its layers to come.
static struct fixture begin(enum graph_mode mode) {
    struct error error;
    const struct fixture fixture = {.backend = backend_open("cpu", PRECISION_F32, 1, &error),
                                    .graph = graph_new(mode)};
    assert_non_null(fixture.backend);
    assert_non_null(fixture.graph);
    return fixture;
}

static value_id image(const struct fixture *fixture) {
    const value_id x = graph_input(fixture->graph, (struct shape){2, 8, 8, 3}, STORAGE_FLOAT);
    return normalise_input(fixture->graph, x);
}

// The head "l", and all that the graph's parameters need.
static void complete(struct fixture *fixture, value_id x) {
    struct error error;
    graph_output(fixture->graph, head_convolution(fixture->graph, x, "l", 0));
    fixture->executor = executor_new(fixture->graph, fixture->backend, &error);
    assert_non_null(fixture->executor);
    fixture->values = calloc(executor_value_count(fixture->executor), sizeof *fixture->values);
    assert_non_null(fixture->values);
}

// 7 x 7 to CHANNELS with norm; perhaps a second convolution; a head "l", and a second one.
static struct fixture make(enum graph_mode mode, bool middle, bool auxiliary) {
    struct fixture fixture = begin(mode);
    const struct convolution a = {
        .name = "a", .channels = CHANNELS, .window = 7, .stride = 2, .pad = 3};
    const struct convolution b = {
        .name = "b", .channels = 8, .window = 3, .stride = 1, .pad = 1, .bias = true};
    value_id x = convolution_norm(fixture.graph, image(&fixture), &a, "n", NO_VALUE, true);
    if (auxiliary) {
        graph_output(fixture.graph, head_convolution(fixture.graph, x, "aux", 0));
    }
    x = middle ? convolution(fixture.graph, x, &b) : x;
    complete(&fixture, x);
    return fixture;
}

// A linear layer "a" to CHANNELS, and a gate of pixels by "g", with norm "n".
static struct fixture make_gate(void) {
    struct fixture fixture = begin(GRAPH_TRAIN);
    const struct convolution a = {
        .name = "a", .channels = CHANNELS, .window = 1, .stride = 1, .linear = true};
    const struct convolution g = {.name = "g", .channels = 1, .window = 7, .stride = 1, .pad = 3};
    value_id x = convolution(fixture.graph, image(&fixture), &a);
    x = pixel_gate(fixture.graph, x,
                   convolution_gate(fixture.graph, channel_pool(fixture.graph, x), &g, "n"));
    complete(&fixture, x);
    return fixture;
}

static void end(struct fixture *fixture) {
    free(fixture->values);
    executor_free(fixture->executor);
    graph_free(fixture->graph);
    backend_close(fixture->backend);
}

static void start(struct fixture *fixture, uint64_t seed) {
    struct error error = {{0}};
    if (!parameters_start(fixture->backend, fixture->graph, fixture->executor, seed, &error)) {
        fail_msg("%s", error.text);
    }
}

static const float *values_of(struct fixture *fixture, const char *name) {
    const struct parameter *parameter = graph_parameter_named(fixture->graph, name);
    assert_non_null(parameter);
    fixture->backend->calls->get(fixture->backend, fixture->values,
                                 executor_values(fixture->executor),
                                 executor_value_count(fixture->executor) * sizeof *fixture->values);
    return fixture->values + parameter->offset;
}

// ---- first values

static void check_all(struct fixture *fixture, const char *name, size_t count, float want) {
    const float *values = values_of(fixture, name);
    assert_int_equal(graph_parameter_named(fixture->graph, name)->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(values[i] == want);
    }
}

// Normal numbers: mean 0, deviation sqrt(2 / (out * window area)), and 68.3 % within one deviation.
static void check_normal(struct fixture *fixture, const char *name, double deviation,
                         double within) {
    const float *values = values_of(fixture, name);
    const size_t count = graph_parameter_named(fixture->graph, name)->count;
    double sum = 0;
    double squares = 0;
    size_t near = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = (double)values[i] / deviation;
        sum += value;
        squares += value * value;
        near += fabs(value) < 1;
    }
    assert_true(fabs(sum / (double)count) < within);
    assert_true(fabs(sqrt(squares / (double)count) - 1) < within);
    assert_true(fabs((double)near / (double)count - 0.6827) < within);
}

// Linear layers are drawn by their inputs; a gate is half open at first.
static void first_values_of_a_gate(void **state) {
    (void)state;
    struct fixture fixture = make_gate();
    start(&fixture, 7);
    assert_int_equal(graph_parameter_named(fixture.graph, "a.weight")->rank, 2);
    check_normal(&fixture, "a.weight", sqrt(2.0 / 3), 0.15);
    check_normal(&fixture, "g.weight", sqrt(2.0 / 49), 0.2);
    check_all(&fixture, "n.weight", 1, 0);
    check_all(&fixture, "n.bias", 1, 0);
    check_all(&fixture, "n.running_var", 1, 1);
    end(&fixture);
}

static void first_values(void **state) {
    (void)state;
    struct fixture fixture = make(GRAPH_TRAIN, true, false);
    start(&fixture, 7);
    check_normal(&fixture, "a.weight", sqrt(2.0 / (CHANNELS * 49)), 0.04);
    check_normal(&fixture, "b.weight", sqrt(2.0 / (8 * 9)), 0.06);
    check_normal(&fixture, "l.weight", sqrt(2.0), 0.9);
    check_all(&fixture, "n.weight", CHANNELS, 1);
    check_all(&fixture, "n.running_var", CHANNELS, 1);
    check_all(&fixture, "n.bias", CHANNELS, 0);
    check_all(&fixture, "n.running_mean", CHANNELS, 0);
    check_all(&fixture, "b.bias", 8, 0);
    check_all(&fixture, "l.bias", 1, 0);
    end(&fixture);
}

// The same seed draws the same, another draws anew, and so does each parameter; what a network has
// besides changes nothing.
static void each_parameter_draws_on_its_own(void **state) {
    (void)state;
    struct fixture one = make(GRAPH_TRAIN, true, false);
    struct fixture other = make(GRAPH_TRAIN, false, false);
    const size_t bytes = sizeof(float) * CHANNELS * 3 * 49;
    start(&one, 7);
    start(&other, 7);
    assert_memory_equal(values_of(&one, "a.weight"), values_of(&other, "a.weight"), bytes);
    // In deviations: a's first number is not b's.
    const double a = (double)values_of(&one, "a.weight")[0] / sqrt(2.0 / (CHANNELS * 49));
    const double b = (double)values_of(&one, "b.weight")[0] / sqrt(2.0 / (8 * 9));
    assert_true(fabs(a - b) > 1e-3);
    start(&other, 8);
    assert_memory_not_equal(values_of(&one, "a.weight"), values_of(&other, "a.weight"), bytes);
    end(&one);
    end(&other);
}

// ---- tables

static void add_weight(struct weight_table *table, const char *name, size_t rank,
                       const size_t *shape, float first) {
    struct error error = {{0}};
    struct weight *weight = weight_table_add(table, text_of(name), rank, shape, &error);
    if (weight == NULL) {
        fail_msg("%s", error.text);
    }
    for (size_t i = 0; weight != NULL && i < weight->count; i++) {
        weight->values[i] = first + (float)i;
    }
}

// All that the network without its middle has, but for what is called `without`; numbers count on
// from 1000 times the parameter's place.
static struct weight_table table_of(const struct graph *graph, const char *before,
                                    const char *without) {
    struct weight_table table = {.bytes_left = (size_t)1 << 20};
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        if (strcmp(parameter->name, without) != 0) {
            add_weight(&table, parameter->name + strlen(before), parameter->rank, parameter->shape,
                       1000 * (float)i);
        }
    }
    return table;
}

static void close_table(struct weight_table *table) {
    struct error error = {{0}};
    if (!weight_table_close(table, &error)) {
        fail_msg("%s", error.text);
    }
}

static void check_text(const struct fixture *fixture, struct weight_table *table, enum take take,
                       const char *want) {
    struct error error = {{0}};
    close_table(table);
    assert_int_equal(parameters_check(fixture->graph, table, "", take, &error), want[0] == 0);
    assert_string_equal(error.text, want);
    weight_table_free(table);
}

static void tables_that_fit(void **state) {
    (void)state;
    static const size_t side = 2;
    struct fixture fixture = make(GRAPH_PREDICT, false, false);
    struct weight_table table = table_of(fixture.graph, "", "");
    check_text(&fixture, &table, TAKE_ALL, "");
    // What is known to be of no use; a single number with more sides.
    static const char *const useless[] = {
        "n.num_batches_tracked", "n_averaged",      "fc.weight",      "pam.key_conv.weight",
        "backbone.fc.bias",      "encoder.fc.bias", "conv1.0.weight", "conv5.2.bn1.weight"};
    table = table_of(fixture.graph, "", "l.bias");
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        add_weight(&table, useless[i], 1, &side, 0);
    }
    add_weight(&table, "l.bias", 0, &side, 0);
    check_text(&fixture, &table, TAKE_ALL, "");
    // A surplus is taken for what a prediction network does not need.
    table = table_of(fixture.graph, "", "");
    add_weight(&table, "aux.weight", 1, &side, 0);
    check_text(&fixture, &table, TAKE_NEEDED, "");
    end(&fixture);
}

static void tables_that_do_not_fit(void **state) {
    (void)state;
    static const size_t transposed[] = {3, CHANNELS, 7, 7};
    static const size_t side = 2;
    struct fixture fixture = make(GRAPH_PREDICT, false, false);
    struct weight_table table = table_of(fixture.graph, "", "n.bias");
    check_text(&fixture, &table, TAKE_NEEDED,
               "weights that do not fit this network: missing: 'n.bias'");
    table = table_of(fixture.graph, "", "a.weight");
    add_weight(&table, "a.weight", 4, transposed, 0);
    check_text(&fixture, &table, TAKE_NEEDED,
               "weights that do not fit this network: of another shape: 'a.weight' (3 x 48 x 7 x "
               "7, not 48 x 3 x 7 x 7)");
    table = table_of(fixture.graph, "", "l.bias");
    add_weight(&table, "aux.weight", 1, &side, 0);
    check_text(&fixture, &table, TAKE_ALL,
               "weights that do not fit this network: missing: 'l.bias'; surplus: 'aux.weight'");
    table = table_of(fixture.graph, "", "");
    table.weights[2].values[5] = INFINITY;
    check_text(&fixture, &table, TAKE_ALL, "n.bias holds a number that is not finite");
    end(&fixture);
}

static bool take(struct fixture *fixture, struct weight_table *table, const char *prefix) {
    struct error error;
    return parameters_take(fixture->backend, fixture->graph, fixture->executor, table, prefix,
                           TAKE_NEEDED, &error);
}

static void values_go_to_their_names(void **state) {
    (void)state;
    struct fixture fixture = make(GRAPH_TRAIN, false, true);
    struct weight_table table = table_of(fixture.graph, "", "");
    close_table(&table);
    assert_true(take(&fixture, &table, ""));
    for (int i = 0; i < graph_parameter_count(fixture.graph); i++) {
        const struct parameter *parameter = graph_parameter_at(fixture.graph, i);
        const float *values = values_of(&fixture, parameter->name);
        for (size_t k = 0; k < parameter->count; k++) {
            assert_true(values[k] == 1000 * (float)i + (float)k);
        }
    }
    assert_null(table.weights[0].values); // which have gone over
    weight_table_free(&table);
    // A table that is refused changes nothing, and keeps its values.
    table = table_of(fixture.graph, "", "");
    close_table(&table);
    table.weights[0].values[0] = -5;
    table.weights[3].values[0] = NAN;
    assert_false(take(&fixture, &table, ""));
    assert_true(values_of(&fixture, "a.weight")[0] == 0);
    assert_true(table.weights[0].values[0] == -5);
    weight_table_free(&table);
    // Below a prefix only what is there is asked for, and the rest stays.
    struct weight_table part = {.bytes_left = 4096};
    const size_t channels = CHANNELS;
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    for (size_t i = 0; i < 4; i++) {
        add_weight(&part, parts[i], 1, &channels, 100 * (float)i);
    }
    close_table(&part);
    assert_true(take(&fixture, &part, "n."));
    assert_true(values_of(&fixture, "n.running_mean")[3] == 203);
    assert_true(values_of(&fixture, "a.weight")[3] == 3);
    weight_table_free(&part);
    end(&fixture);
}

// ---- from one network to another

static void values_are_copied_by_name(void **state) {
    (void)state;
    struct fixture larger = make(GRAPH_TRAIN, false, true);
    struct fixture smaller = make(GRAPH_PREDICT, false, false);
    struct error error;
    start(&larger, 3);
    assert_true(parameters_copy(smaller.backend, smaller.executor, smaller.graph, larger.executor,
                                larger.graph, NULL, &error));
    for (int i = 0; i < graph_parameter_count(smaller.graph); i++) {
        const struct parameter *parameter = graph_parameter_at(smaller.graph, i);
        assert_memory_equal(values_of(&smaller, parameter->name),
                            values_of(&larger, parameter->name), parameter->count * sizeof(float));
    }
    assert_false(parameters_copy(larger.backend, larger.executor, larger.graph, smaller.executor,
                                 smaller.graph, NULL, &error));
    assert_string_equal(error.text, "parameter aux.weight is not in both networks");
    end(&larger);
    end(&smaller);
}

// Where the graph has a backbone with torchvision's names, a table that has them bare starts it.
static void the_backbone_has_a_prefix(void **state) {
    (void)state;
    static const size_t shape[] = {1};
    struct graph *graph = graph_new(GRAPH_PREDICT);
    assert_non_null(graph);
    (void)graph_parameter(graph, "encoder.conv1.weight", ROLE_CONVOLUTION, 1, shape);
    (void)graph_parameter(graph, "encoder.layer1.0.conv1.weight", ROLE_CONVOLUTION, 1, shape);
    struct weight_table bare = table_of(graph, "encoder.", "");
    close_table(&bare);
    assert_string_equal(parameters_prefix(graph, &bare).text, "encoder.");
    struct weight_table whole = table_of(graph, "", "");
    close_table(&whole);
    assert_string_equal(parameters_prefix(graph, &whole).text, "");
    weight_table_free(&bare);
    weight_table_free(&whole);
    graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_values),
        cmocka_unit_test(first_values_of_a_gate),
        cmocka_unit_test(each_parameter_draws_on_its_own),
        cmocka_unit_test(tables_that_fit),
        cmocka_unit_test(tables_that_do_not_fit),
        cmocka_unit_test(values_go_to_their_names),
        cmocka_unit_test(values_are_copied_by_name),
        cmocka_unit_test(the_backbone_has_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
