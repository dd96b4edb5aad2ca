// Every operation's gradient against differences, in several shapes; bf16 against float32.
#include "nn/network.h"
#include "ops/ops.h"

#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// ---- what is tried: x goes into the operation, a few logits come out

static value_id layer(struct graph *graph, value_id x, const char *name, size_t channels,
                      size_t kernel, size_t stride) {
    const struct convolution made = {.name = name,
                                     .channels = channels,
                                     .kernel = kernel,
                                     .stride = stride,
                                     .pad = kernel / 2,
                                     .bias = true};
    return convolution(graph, x, &made);
}

static value_id try_convolution(struct graph *graph, value_id x) {
    return layer(graph, x, "c", 5, 3, 1);
}

static value_id try_strided(struct graph *graph, value_id x) {
    return layer(graph, x, "c", 4, 7, 2);
}

static value_id with_norm(struct graph *graph, value_id x, value_id residual, bool relu) {
    const struct convolution made = {
        .name = "c", .channels = graph_shape(graph, x).c, .kernel = 3, .stride = 1, .pad = 1};
    return convolution_norm(graph, x, &made, "n", residual, relu);
}

static value_id try_norm(struct graph *graph, value_id x) {
    return with_norm(graph, x, NO_VALUE, false);
}

static value_id try_norm_relu(struct graph *graph, value_id x) {
    return with_norm(graph, x, NO_VALUE, true);
}

static value_id try_norm_residual(struct graph *graph, value_id x) {
    return with_norm(graph, x, x, true);
}

static value_id try_relu(struct graph *graph, value_id x) {
    const struct convolution made = {
        .name = "c", .channels = 6, .kernel = 1, .stride = 1, .bias = true};
    return convolution_relu(graph, x, &made);
}

static value_id try_upsample(struct graph *graph, value_id x) {
    const struct shape shape = graph_shape(graph, x);
    return upsample(graph, x, 2 * shape.h + 1, 3 * shape.w);
}

static value_id try_concat(struct graph *graph, value_id x) {
    return concat(graph, x, layer(graph, x, "c", 2, 1, 1));
}

static value_id try_add(struct graph *graph, value_id x) {
    return add(graph, x, layer(graph, x, "c", graph_shape(graph, x).c, 3, 1));
}

static value_id try_add_everywhere(struct graph *graph, value_id x) {
    return add(graph, x, global_pool(graph, x));
}

static value_id try_add_scaled(struct graph *graph, value_id x) {
    return add_scaled(graph, x, layer(graph, x, "c", graph_shape(graph, x).c, 1, 1), "gamma");
}

static value_id try_add_scaled_everywhere(struct graph *graph, value_id x) {
    return add_scaled(graph, x, global_pool(graph, x), "gamma");
}

static value_id try_gate(struct graph *graph, value_id x) {
    return gate(graph, x, global_pool(graph, x), false);
}

static value_id try_gate_keep(struct graph *graph, value_id x) {
    return gate(graph, x, global_pool(graph, x), true);
}

static value_id try_position_attention(struct graph *graph, value_id x) {
    return position_attention(graph, layer(graph, x, "q", 2, 1, 1), x);
}

static const struct {
    const char *name;
    value_id (*make)(struct graph *graph, value_id x);
    size_t least; // side
} tried[] = {
    {"convolution", try_convolution, 1},
    {"strided convolution", try_strided, 1},
    {"norm", try_norm, 1},
    {"norm and ReLU", try_norm_relu, 1},
    {"norm, residual, ReLU", try_norm_residual, 1},
    {"ReLU", try_relu, 1},
    {"max_pool", max_pool, 1},
    {"upsample", try_upsample, 1},
    {"concat", try_concat, 1},
    {"add", try_add, 1},
    {"add to all pixels", try_add_everywhere, 1},
    {"add_scaled", try_add_scaled, 1},
    {"add_scaled to all pixels", try_add_scaled_everywhere, 1},
    {"global_pool", global_pool, 1},
    {"gate", try_gate, 1},
    {"gate and keep", try_gate_keep, 1},
    {"position_attention", try_position_attention, 1},
    {"channel_attention", channel_attention, 1},
    {"pyramid_pool", pyramid_pool, 6},
};

// ---- a network around it

struct trial {
    struct backend *backend;
    struct graph *graph;
    struct network *network;
    size_t outputs;
    float *weights; // of the loss: the sum of weighted outputs
    float *made;    // the outputs of the last forward pass
};

static float draw(struct random *random) {
    return (float)(2 * random_uniform(random) - 1);
}

static void open_trial(struct trial *trial, size_t which, struct shape shape,
                       enum precision precision) {
    struct random random = random_seed(7, which, shape.h * 100 + shape.w);
    struct error error;
    trial->backend = backend_open("cpu", precision, 2, &error);
    assert_non_null(trial->backend);
    trial->graph = graph_new(GRAPH_TRAIN);
    const value_id input =
        graph_input(trial->graph, (struct shape){shape.n, shape.h, shape.w, 3}, STORAGE_FLOAT);
    const value_id x = layer(trial->graph, image(trial->graph, input), "first", shape.c, 1, 1);
    const value_id y = tried[which].make(trial->graph, x);
    graph_output(trial->graph, logits(trial->graph, y, "last", 0.3));
    if (!graph_check(trial->graph, &error)) {
        fail_msg("%s", error.text);
    }
    trial->network = network_new(trial->graph, trial->backend, &error);
    assert_non_null(trial->network);
    float *values = network_values(trial->network);
    for (int i = 0; i < graph_parameter_count(trial->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(trial->graph, i);
        for (size_t k = 0; k < parameter->count; k++) {
            values[parameter->offset + k] =
                draw(&random) + (parameter->role == ROLE_VARIANCE ? 1.5F : 0);
        }
    }
    float *pixels = network_input(trial->network);
    for (size_t i = 0; i < 3 * shape.n * shape.h * shape.w; i++) {
        pixels[i] = draw(&random);
    }
    trial->outputs = shape_count(graph_shape(trial->graph, graph_output_at(trial->graph, 0)));
    trial->weights = malloc(trial->outputs * sizeof(float));
    trial->made = malloc(trial->outputs * sizeof(float));
    assert_non_null(trial->weights);
    assert_non_null(trial->made);
    for (size_t i = 0; i < trial->outputs; i++) {
        trial->weights[i] = draw(&random);
    }
}

static void close_trial(struct trial *trial) {
    network_free(trial->network);
    graph_free(trial->graph);
    backend_close(trial->backend);
    free(trial->weights);
    free(trial->made);
}

static double loss_of(struct trial *trial) {
    double loss = 0;
    network_changed(trial->network);
    network_forward(trial->network, 5);
    for (size_t i = 0; i < trial->outputs; i++) {
        trial->made[i] = network_output(trial->network, 0)[i];
        loss += (double)trial->weights[i] * trial->made[i];
    }
    return loss;
}

static void gradients_of(struct trial *trial) {
    memset(network_gradients(trial->network), 0,
           network_learned_count(trial->network) * sizeof(float));
    (void)loss_of(trial);
    memcpy(network_output_gradient(trial->network, 0), trial->weights,
           trial->outputs * sizeof(float));
    network_backward(trial->network, 5);
}

// ---- gradients

// How far the gradient's product with a direction is from the difference along it, as a part of
// the product of their lengths.
static double gradient_error(struct trial *trial, uint64_t number) {
    struct random random = random_seed(11, number, 0);
    const size_t count = network_learned_count(trial->network);
    float *values = network_values(trial->network);
    const float *gradients = network_gradients(trial->network);
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
    open_trial(&trial, which, shape, PRECISION_F32);
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

static const struct shape shapes[] = {
    {2, 7, 9, 4}, {3, 6, 13, 1}, {2, 1, 1, 3}, {2, 19, 18, 8}, {1, 8, 6, 40}};

static void gradients_are_those_of_the_forward_pass(void **state) {
    (void)state;
    for (size_t which = 0; which < sizeof tried / sizeof *tried; which++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            if (shapes[i].h >= tried[which].least && shapes[i].w >= tried[which].least) {
                check_gradients(which, shapes[i]);
            }
        }
    }
}

// The same step twice gives the same bytes.
static void steps_repeat_to_the_bit(void **state) {
    (void)state;
    for (size_t which = 0; which < sizeof tried / sizeof *tried; which++) {
        struct trial trial;
        open_trial(&trial, which, shapes[3], PRECISION_F32);
        const size_t bytes = network_learned_count(trial.network) * sizeof(float);
        float *before = malloc(bytes);
        assert_non_null(before);
        gradients_of(&trial);
        memcpy(before, network_gradients(trial.network), bytes);
        gradients_of(&trial);
        assert_memory_equal(before, network_gradients(trial.network), bytes);
        free(before);
        close_trial(&trial);
    }
}

static double distance(const float *a, const float *b, size_t count) {
    double apart = 0;
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        apart += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        squares += (double)b[i] * b[i];
    }
    return sqrt(apart / (squares + 1e-30));
}

static void bf16_stays_near_float32(void **state) {
    struct error error;
    struct backend *backend = backend_open("cpu", PRECISION_BF16, 2, &error);
    (void)state;
    if (backend == NULL) {
        skip(); // a processor without it
    }
    backend_close(backend);
    for (size_t which = 0; which < sizeof tried / sizeof *tried; which++) {
        struct trial plain;
        struct trial half;
        open_trial(&plain, which, shapes[3], PRECISION_F32);
        open_trial(&half, which, shapes[3], PRECISION_BF16);
        gradients_of(&plain);
        gradients_of(&half);
        const double forward = distance(half.made, plain.made, plain.outputs);
        const double backward =
            distance(network_gradients(half.network), network_gradients(plain.network),
                     network_learned_count(plain.network));
        if (!(forward < 0.03) || !(backward < 0.1)) {
            fail_msg("%s: off by %g forward, %g backward", tried[which].name, forward, backward);
        }
        close_trial(&plain);
        close_trial(&half);
    }
}

// Batches of which nothing can be normalised are refused, with the reason.
static void a_batch_of_one_value_is_refused(void **state) {
    struct error error;
    struct graph *graph = graph_new(GRAPH_TRAIN);
    (void)state;
    assert_non_null(graph);
    const value_id input = graph_input(graph, (struct shape){1, 4, 4, 3}, STORAGE_FLOAT);
    (void)try_norm(graph, global_pool(graph, layer(graph, image(graph, input), "a", 2, 1, 1)));
    assert_false(graph_check(graph, &error));
    assert_non_null(strstr(error.text, "a batch of 1"));
    graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_forward_pass),
        cmocka_unit_test(steps_repeat_to_the_bit),
        cmocka_unit_test(bf16_stays_near_float32),
        cmocka_unit_test(a_batch_of_one_value_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
