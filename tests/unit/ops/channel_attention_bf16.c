// Channel attention by products of bf16 on any processor, against the formula in float64.
#include "backend/bf16.h"
#include "backend/cpu/level.h"
#include "core/numbers/random.h"
#include "ops/convolution/cpu/amx/pack.h"
#include "ops/kernels.h"
#include "ops/ops.h"

extern const struct kernel kernel_of_bf16;

#define cpu_bf16_ahead() true
#define amx_functions_here() NULL
#define channel_attention_cpu kernel_of_bf16
#include "ops/channel_attention/cpu.c" // NOLINT(bugprone-suspicious-include)

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { IMAGES = 2, HEIGHT = 9, WIDTH = 61, PIXELS = HEIGHT * WIDTH, CHANNELS = 64 };

static void draw(uint16_t *x) {
    struct random random = random_seed(5, CHANNELS, 0);
    for (size_t i = 0; i < (size_t)IMAGES * PIXELS * CHANNELS; i++) {
        x[i] = bf16_from((float)(random_uniform(&random) - 0.5) * 0.3F);
    }
}

// A row of A for an image's pixels.
static void formula(const uint16_t *x, size_t row, double *attention) {
    for (size_t c = 0; c < CHANNELS; c++) {
        attention[c] = 0;
        for (size_t i = 0; i < PIXELS; i++) {
            attention[c] += (double)bf16_to(x[i * CHANNELS + row]) * bf16_to(x[i * CHANNELS + c]);
        }
    }
    double total = 0;
    for (size_t c = 0; c < CHANNELS; c++) {
        attention[c] = exp(-attention[c]);
        total += attention[c];
    }
    for (size_t c = 0; c < CHANNELS; c++) {
        attention[c] /= total;
    }
}

static void compare(const uint16_t *x, const uint16_t *y) {
    double apart = 0;
    double length = 0;
    for (size_t row = 0; row < CHANNELS; row++) {
        double attention[CHANNELS];
        formula(x, row, attention);
        for (size_t i = 0; i < PIXELS; i++) {
            double wanted = 0;
            for (size_t c = 0; c < CHANNELS; c++) {
                wanted += attention[c] * bf16_to(x[i * CHANNELS + c]);
            }
            apart += pow(wanted - bf16_to(y[i * CHANNELS + row]), 2);
            length += wanted * wanted;
        }
    }
    assert_true(sqrt(apart) < sqrt(length) / 256); // half of the last bit
}

// Parts of an odd number of pixels.
static void products_of_bf16_give_the_formula(void **state) {
    static uint16_t x[IMAGES * PIXELS * CHANNELS];
    static uint16_t y[IMAGES * PIXELS * CHANNELS];
    struct error error;
    struct graph *graph = graph_new(GRAPH_PREDICT);
    struct backend *backend = backend_open("cpu", PRECISION_BF16, 2, &error);
    assert_true(graph != NULL && backend != NULL);
    const struct shape shape = {IMAGES, HEIGHT, WIDTH, CHANNELS};
    (void)channel_attention(graph, graph_input(graph, shape, STORAGE_ACTIVATION));
    struct kernel_plan plan = {.backend = backend,
                               .graph = graph,
                               .node = graph_node_at(graph, graph_node_count(graph) - 1)};
    (void)state;
    draw(x);
    assert_true(kernel_of_bf16.plan(&plan, &error));
    const struct call call = {.state = plan.state,
                              .in = {x},
                              .out = y,
                              .saved = malloc(plan.saved),
                              .scratch = malloc(plan.scratch)};
    kernel_of_bf16.forward(&call);
    for (size_t image = 0; image < IMAGES; image++) {
        compare(x + image * PIXELS * CHANNELS, y + image * PIXELS * CHANNELS);
    }
    free(call.saved);
    free(call.scratch);
    kernel_of_bf16.release(plan.state);
    graph_free(graph);
    backend_close(backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products_of_bf16_give_the_formula)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
