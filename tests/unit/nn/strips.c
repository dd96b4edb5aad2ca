// strips: groups of layers give the bytes that the layers give one after the other, whatever the
// threads; which layers make a group, and that its values have no memory of their own.
#include "nn/strips/strips.h"

#include "backend/cpu/products/f32.h"
#include "models/models.h"
#include "nn/executor.h"
#include "nn/schedule.h"
#include "ops/kernels.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct backend *open_backend(enum precision precision, int threads) {
    struct error error;
    struct backend *backend = backend_open("cpu", precision, threads, &error);
    assert_non_null(backend);
    return backend;
}

// ---- whole tensors beside strips

static void fill(struct executor *executor, const struct graph *graph) {
    float *values = executor_values(executor);
    uint8_t *images = executor_input(executor);
    for (size_t i = 0; i < executor_value_count(executor); i++) {
        values[i] = (float)((i * 37) % 101) / 404 - 0.1F;
    }
    for (int i = 0; i < graph_parameter_count(graph); i++) {
        const struct parameter *parameter = graph_parameter_at(graph, i);
        for (size_t k = 0; parameter->role == ROLE_VARIANCE && k < parameter->count; k++) {
            values[parameter->offset + k] = 1 + (float)(k % 3);
        }
    }
    for (size_t i = 0; i < shape_count(graph_shape(graph, 0)); i++) {
        images[i] = (uint8_t)(i * 7919 >> 4);
    }
}

// All outputs, one behind the other; the caller frees them. `whole`: each layer alone, by the same
// kernels: strips are the CPU's own only.
static float *outputs_of(struct graph *graph, enum precision precision, int threads, bool whole,
                         size_t *count) {
    const struct kernel *kernels[OPERATIONS] = {NULL};
    struct error error = {""};
    struct backend *backend = open_backend(precision, threads);
    for (int i = 0; i < graph_node_count(graph); i++) {
        const struct operation *operation = graph_node_at(graph, i)->operation;
        kernels[operation->index] = operation->cpu;
    }
    backend->kernels = whole ? kernels : NULL;
    struct executor *executor = executor_new(graph, backend, &error);
    if (executor == NULL) {
        fail_msg("%s", error.text);
    }
    fill(executor, graph);
    executor_begin(executor, 0);
    executor_forward(executor);
    *count = 0;
    for (int i = 0; i < graph_output_count(graph); i++) {
        *count += shape_count(graph_shape(graph, graph_output_at(graph, i)));
    }
    float *outputs = malloc(*count * sizeof *outputs + 1);
    assert_non_null(outputs);
    *count = 0;
    for (int i = 0; i < graph_output_count(graph); i++) {
        const size_t numbers = shape_count(graph_shape(graph, graph_output_at(graph, i)));
        memcpy(outputs + *count, executor_output(executor, i), numbers * sizeof *outputs);
        *count += numbers;
    }
    executor_free(executor);
    backend_close(backend);
    return outputs;
}

static void expect_same(struct graph *graph, enum precision precision) {
    size_t count = 0;
    float *whole = outputs_of(graph, precision, 1, true, &count);
    for (size_t i = 1; i < count; i++) {
        assert_true(whole[i] == whole[i]);
    }
    for (int threads = 1; threads <= 3; threads += 2) {
        size_t others = 0;
        float *strips = outputs_of(graph, precision, threads, false, &others);
        assert_int_equal(count, others);
        assert_memory_equal(whole, strips, count * sizeof *whole);
        free(strips);
    }
    free(whole);
}

// ---- graphs

// Layers of other sizes, a value that two layers read at different rows, one that goes to all
// pixels, repeated pixels; and one that is read outside of the group, too, where `outside` is set.
struct network {
    struct graph *graph;
    value_id larger, wide;
};

static struct network make(size_t height, size_t width, bool outside) {
    struct graph *graph = graph_new(GRAPH_PREDICT);
    assert_non_null(graph);
    const struct convolution one = {.name = "one", .channels = 8, .window = 1, .stride = 1};
    const struct convolution a = {
        .name = "a", .channels = 8, .window = 3, .stride = 1, .pad = 1, .bias = true};
    const struct convolution b = {.name = "b", .channels = 16, .window = 7, .stride = 2, .pad = 3};
    const struct convolution c = {.name = "c", .channels = 16, .window = 3, .stride = 1, .pad = 1};
    const value_id input = graph_input(graph, (struct shape){2, height, width, 1}, STORAGE_BYTE);
    const value_id x = normalise_input(graph, input);
    const value_id everywhere = convolution(graph, global_pool(graph, x), &one);
    const value_id y = convolution_norm(graph, x, &b, "norm", NO_VALUE, true);
    const value_id narrow = convolution_relu(graph, max_pool(graph, y), &a);
    const value_id larger = upsample(graph, narrow, height, width);
    const value_id wide = concat(graph, add(graph, larger, everywhere), x);
    const value_id again = upsample(graph, max_pool_2(graph, wide), height, width);
    const value_id repeated = relu(graph, convolution(graph, upsample_nearest(graph, y), &c));
    graph_output(graph, head_convolution(graph, concat(graph, again, wide), "l", 0));
    graph_output(graph, head_convolution(graph, repeated, "n", 0));
    if (outside) {
        graph_output(graph, head_convolution(graph, global_max_pool(graph, larger), "m", 0));
    }
    return (struct network){graph, larger, wide};
}

static void groups_give_the_same_bytes(void **state) {
    static const size_t sizes[][2] = {{50, 70}, {301, 200}};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct network network = make(sizes[i / 2][0], sizes[i / 2][1], i % 2 == 1);
        expect_same(network.graph, PRECISION_F32);
        expect_same(network.graph, PRECISION_BF16);
        graph_free(network.graph);
    }
}

// Both networks' narrow layers are by matrix units on a processor that has them.
static void networks_give_the_same_bytes(void **state) {
    static const char *const names[] = {"unet-resnet18_w16", "bisenet-resnet18_w16"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct model_options options = {
            .images = 2, .height = 192, .width = 384, .gray = true, .auxiliary = true};
        struct error error = {""};
        struct graph *graph = model_build(names[i], GRAPH_PREDICT, &options, &error);
        assert_non_null(graph);
        expect_same(graph, PRECISION_BF16);
        graph_free(graph);
    }
}

// ---- what is a group

static struct strips strips_of(const struct graph *graph, struct backend *backend) {
    struct error error = {""};
    struct strips strips;
    if (!strips_find(&strips, graph, backend, &error)) {
        fail_msg("%s", error.text);
    }
    return strips;
}

static void every_layer_comes_after_what_it_reads(void **state) {
    struct backend *backend = open_backend(PRECISION_F32, 2);
    const struct network network = make(300, 400, true);
    struct strips strips = strips_of(network.graph, backend);
    (void)state;
    for (int i = 0; i < graph_node_count(network.graph); i++) {
        const struct node *node = graph_node_at(network.graph, strips.order[i]);
        assert_int_equal(strips.position[strips.order[i]], i);
        for (int k = 0; k < node->input_count; k++) {
            const int producer = graph_value_at(network.graph, node->inputs[k])->producer;
            assert_true(producer < 0 || strips.position[producer] < i);
        }
    }
    strips_free(&strips);
    graph_free(network.graph);
    backend_close(backend);
}

// All buffers of a group live from its first step to its last.
static void check_group(const struct schedule *schedule, const struct strip_group *group) {
    for (int i = group->first; i < group->end; i++) {
        const struct step *step = &schedule->steps[i];
        const int buffers[] = {step->in[0], step->in[1], step->out, step->scratch};
        for (size_t k = 0; k < 4; k++) {
            const struct buffer *buffer =
                &schedule->buffers[buffers[k] < 0 ? step->out : buffers[k]];
            assert_true(buffer->first <= group->first && buffer->last >= group->end - 1);
        }
    }
}

static void buffers_live_as_long_as_their_group(void **state) {
    struct error error = {""};
    struct backend *backend = open_backend(PRECISION_F32, 2);
    const struct network network = make(300, 400, true);
    struct strips strips = strips_of(network.graph, backend);
    struct schedule schedule;
    (void)state;
    assert_true(schedule_make(&schedule, network.graph, &strips, PRECISION_F32, &error));
    assert_true(strips.group_count > 0);
    for (int i = 0; i < strips.group_count; i++) {
        check_group(&schedule, &strips.groups[i]);
    }
    schedule_free(&schedule);
    strips_free(&strips);
    graph_free(network.graph);
    backend_close(backend);
}

// A value of 300 rows passes through a few rows a thread, unless others read it.
static void values_of_a_group_have_few_rows(void **state) {
    struct backend *backend = open_backend(PRECISION_F32, 2);
    (void)state;
    for (int outside = 0; outside < 2; outside++) {
        const struct network network = make(300, 400, outside == 1);
        struct strips strips = strips_of(network.graph, backend);
        const int producer = graph_value_at(network.graph, network.wide)->producer;
        assert_non_null(strips_group_at(&strips, strips.position[producer]));
        assert_in_range(strips.rows[network.wide], 1, 60);
        if (outside == 1) {
            assert_int_equal(strips.rows[network.larger], 0);
        } else {
            assert_in_range(strips.rows[network.larger], 1, 60);
        }
        strips_free(&strips);
        graph_free(network.graph);
    }
    backend_close(backend);
}

// A grouped layer's number depends on whether its row is even, and strips begin anywhere: windows
// of several sizes over an odd number of rows, with and without stride, in groups of 1 and of more.
static void grouped_layers_give_the_same_bytes(void **state) {
    const struct convolution first = {.name = "first", .channels = 96, .window = 3, .stride = 1};
    const struct convolution five = {
        .name = "five", .channels = 96, .window = 5, .stride = 1, .pad = 2, .groups = 96};
    const struct convolution strided = {
        .name = "strided", .channels = 96, .window = 3, .stride = 2, .pad = 1, .groups = 96};
    const struct convolution eights = {
        .name = "eights", .channels = 96, .window = 3, .stride = 1, .pad = 1, .groups = 12};
    const struct convolution last = {
        .name = "last", .channels = 96, .window = 1, .stride = 2, .groups = 96};
    const struct convolution single = {
        .name = "single", .channels = 1, .window = 3, .stride = 1, .pad = 1, .bias = true};
    struct backend *backend = open_backend(PRECISION_F32, 2);
    struct graph *graph = graph_new(GRAPH_PREDICT);
    (void)state;
    const value_id input = graph_input(graph, (struct shape){2, 151, 37, 1}, STORAGE_BYTE);
    const value_id x = convolution(graph, normalise_input(graph, input), &first);
    const value_id open = global_pool(graph, x);
    const value_id y = silu(graph, convolution(graph, x, &five));
    const value_id z =
        silu(graph, convolution(graph, channel_gate(graph, y, open, false), &strided));
    const value_id w = convolution(graph, convolution(graph, z, &eights), &last);
    graph_output(graph, widen(graph, convolution(graph, upsample_nearest(graph, w), &single)));
    struct strips strips = strips_of(graph, backend);
    const int producer = graph_value_at(graph, z)->producer;
    const struct strip_group *group = strips_group_at(&strips, strips.position[producer]);
    if (cpu_f32_products()) { // else the layers go by the plain method, as wholes
        assert_non_null(group);
        assert_true(group->strips > 2 && group->end - group->first > 5);
    }
    expect_same(graph, PRECISION_F32);
    expect_same(graph, PRECISION_BF16);
    strips_free(&strips);
    graph_free(graph);
    backend_close(backend);
}

// A lateral layer of an early map, which all others have read, waits for its reader with the
// smaller of the two; one that makes as much as it reads waits until it is its turn.
static void a_map_goes_as_soon_as_its_output_is_smaller(void **state) {
    struct backend *backend = open_backend(PRECISION_F32, 2);
    (void)state;
    for (size_t channels = 8; channels <= 16; channels += 8) {
        const struct convolution whole = {.name = "a", .channels = 16, .window = 1, .stride = 1};
        const struct convolution lateral = {
            .name = "b", .channels = channels, .window = 1, .stride = 1};
        struct graph *graph = graph_new(GRAPH_PREDICT);
        const value_id input = graph_input(graph, (struct shape){2, 24, 24, 1}, STORAGE_BYTE);
        const value_id map = convolution(graph, normalise_input(graph, input), &whole);
        const value_id deep = channel_attention(graph, channel_attention(graph, map));
        const value_id side = convolution(graph, map, &lateral);
        graph_output(graph, head_convolution(graph, concat(graph, deep, side), "l", 0));
        struct strips strips = strips_of(graph, backend);
        const int attention = strips.position[graph_value_at(graph, deep)->producer];
        const int made = strips.position[graph_value_at(graph, side)->producer];
        assert_int_equal(made, attention + (channels < 16 ? -1 : 1));
        strips_free(&strips);
        expect_same(graph, PRECISION_F32);
        graph_free(graph);
    }
    backend_close(backend);
}

static void training_has_no_groups(void **state) {
    const struct model_options options = {.images = 2, .height = 192, .width = 192, .gray = true};
    struct error error = {""};
    struct graph *graph = model_build("unet-resnet18_w16", GRAPH_TRAIN, &options, &error);
    struct backend *backend = open_backend(PRECISION_BF16, 2);
    (void)state;
    assert_non_null(graph);
    struct strips strips = strips_of(graph, backend);
    assert_int_equal(strips.group_count, 0);
    strips_free(&strips);
    graph_free(graph);
    backend_close(backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_give_the_same_bytes),
        cmocka_unit_test(networks_give_the_same_bytes),
        cmocka_unit_test(every_layer_comes_after_what_it_reads),
        cmocka_unit_test(buffers_live_as_long_as_their_group),
        cmocka_unit_test(values_of_a_group_have_few_rows),
        cmocka_unit_test(grouped_layers_give_the_same_bytes),
        cmocka_unit_test(a_map_goes_as_soon_as_its_output_is_smaller),
        cmocka_unit_test(training_has_no_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
