// roofline: the least time of a small graph, worked out by hand, and of the networks.
#include "nn/cost/roofline.h"
#include "models/models.h"
#include "ops/ops.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

// A gray plane; 3 x 3 to 4 channels with norm and ReLU; 1 x 1 to 6 with a bias; logits.
static struct graph *small(enum graph_mode mode) {
    struct graph *graph = graph_new(mode);
    assert_non_null(graph);
    const value_id x = graph_input(graph, (struct shape){2, 8, 8, 1}, STORAGE_BYTE);
    const struct convolution a = {.name = "a", .channels = 4, .window = 3, .stride = 1, .pad = 1};
    const struct convolution b = {
        .name = "b", .channels = 6, .window = 1, .stride = 1, .bias = true};
    const value_id y = convolution_norm(graph, normalise_input(graph, x), &a, "n", NO_VALUE, true);
    graph_output(graph, head_convolution(graph, convolution(graph, y, &b), "l", 0));
    return graph;
}

static struct roofline roofline_of(const struct graph *graph, double flop, double bytes) {
    const struct rates rates = {.flop = flop, .bytes = bytes};
    struct roofline roofline;
    struct error error;
    assert_true(graph_roofline(graph, PRECISION_BF16, &rates, &roofline, &error));
    return roofline;
}

// What is moved of the image, and of what a, b and the logits make.
enum { GRAY = 2 * 64, A = 2 * 64 * 4 * 2, B = 2 * 64 * 6 * 2, LOGITS = 2 * 64 * 4 };

static void a_training_step_by_hand(void **state) {
    (void)state;
    struct graph *graph = small(GRAPH_TRAIN);
    const double bytes[] = {
        GRAY + A + 2 * 108,
        A + B + 2 * 30,
        B + LOGITS + 2 * 7, // forward
        2 * LOGITS,         // the loss
        LOGITS + B + B + 10 * 7,
        B + A + A + 10 * 30,
        A + GRAY + 8 * 108, // the image wants no gradient
    };
    const double flop[] = {2.0 * 2 * 64 * 4 * 27, 2.0 * 2 * 64 * 6 * 4,     2.0 * 2 * 64 * 6,     0,
                           2.0 * 2 * 2 * 64 * 6,  2.0 * 2 * 2 * 64 * 6 * 4, 2.0 * 2 * 64 * 4 * 27};
    struct roofline want = {0, 0, 0};
    for (size_t i = 0; i < 7; i++) {
        want.bytes += bytes[i];
        want.flop += flop[i];
        want.seconds += bytes[i] > flop[i] / 4 ? bytes[i] : flop[i] / 4;
    }
    const struct roofline found = roofline_of(graph, 4, 1);
    assert_true(found.bytes == want.bytes);
    assert_true(found.flop == want.flop);
    assert_true(found.seconds == want.seconds);
    graph_free(graph);
}

static void a_prediction_by_hand(void **state) {
    (void)state;
    struct graph *graph = small(GRAPH_PREDICT);
    // A folded norm's scale and shift come with the weights.
    const double bytes = GRAY + A + 2 * (108 + 8) + A + B + 2 * 30 + B + LOGITS + 2 * 7;
    const struct roofline found = roofline_of(graph, 1e30, 1);
    assert_true(found.bytes == bytes);
    assert_true(found.seconds == bytes);
    graph_free(graph);
}

static double ten_and_backward_thirty(const void *context, const struct graph *graph,
                                      const struct node *node, bool backward) {
    (void)graph;
    (void)node;
    return *(const double *)context * (backward ? 30 : 10);
}

// Each of the three layers with products asks in both passes.
static void a_method_says_what_its_arithmetic_is(void **state) {
    (void)state;
    const double scale = 2;
    const struct rates rates = {
        .flop = 1, .bytes = 1e30, .arithmetic = ten_and_backward_thirty, .context = &scale};
    struct graph *graph = small(GRAPH_TRAIN);
    struct roofline found;
    struct error error;
    assert_true(graph_roofline(graph, PRECISION_F32, &rates, &found, &error));
    assert_true(found.flop == 3 * 2 * (10 + 30));
    assert_true(found.seconds >= found.flop && found.seconds < found.flop + 1e-6);
    graph_free(graph);
}

static void networks_have_plausible_bounds(void **state) {
    (void)state;
    static const char *const names[] = {"unet-resnet18", "bisenet-resnet18"};
    for (size_t i = 0; i < 2; i++) {
        const struct model_options model = {.images = 6,
                                            .height = 768,
                                            .width = 768,
                                            .gray = true,
                                            .out_height = 1024,
                                            .out_width = 1024,
                                            .auxiliary = true};
        struct error error;
        struct graph *graph = model_build(names[i], GRAPH_TRAIN, &model, &error);
        assert_non_null(graph);
        const struct roofline both = roofline_of(graph, 1e14, 1e12);
        assert_true(both.seconds >= both.flop / 1e14);
        assert_true(both.seconds >= both.bytes / 1e12);
        assert_true(both.seconds <= both.flop / 1e14 + both.bytes / 1e12);
        graph_free(graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_step_by_hand),
        cmocka_unit_test(a_prediction_by_hand),
        cmocka_unit_test(a_method_says_what_its_arithmetic_is),
        cmocka_unit_test(networks_have_plausible_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
