// Attention over positions and over channels against the formulas, in float64.
#include "nn/executor.h"
#include "ops/ops.h"

#include "core/numbers/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static float draw(struct random *random) {
    return (float)(2 * random_uniform(random) - 1);
}

// One operation between the input and logits with weights; its output's weighted sum a pixel.
static void run_plain(struct shape shape, value_id (*make)(struct graph *graph, value_id x),
                      const float *pixels, const float weights[3], float *out) {
    struct error error;
    struct backend *backend = backend_open("cpu", PRECISION_F32, 2, &error);
    struct graph *graph = graph_new(GRAPH_PREDICT);
    assert_non_null(backend);
    const value_id x = normalise_input(graph, graph_input(graph, shape, STORAGE_FLOAT));
    graph_output(graph, head_convolution(graph, make(graph, x), "last", 0));
    struct executor *executor = executor_new(graph, backend, &error);
    assert_non_null(executor);
    memcpy(executor_values(executor), weights, 3 * sizeof(float)); // the bias stays 0
    memcpy(executor_input(executor), pixels, shape_count(shape) * sizeof(float));
    executor_begin(executor, 0);
    executor_forward(executor);
    memcpy(out, executor_output(executor, 0), shape.n * shape.h * shape.w * sizeof(float));
    executor_free(executor);
    graph_free(graph);
    backend_close(backend);
}

static value_id attend_to_itself(struct graph *graph, value_id x) {
    return position_attention(graph, x, x);
}

static void position_formula(struct shape shape, const float *x, const float weights[3],
                             double *out) {
    const size_t pixels = shape.h * shape.w;
    for (size_t row = 0; row < shape.n * pixels; row++) {
        const float *own = x + 3 * row;
        const float *all = x + 3 * (row / pixels * pixels);
        double total = 0;
        double sum = 0;
        for (size_t j = 0; j < pixels; j++) {
            double energy = 0;
            double value = 0;
            for (size_t c = 0; c < 3; c++) {
                energy += (double)own[c] * all[3 * j + c];
                value += (double)weights[c] * all[3 * j + c];
            }
            total += exp(energy);
            sum += exp(energy) * value;
        }
        out[row] = sum / total;
    }
}

static void channel_formula(struct shape shape, const float *x, const float weights[3],
                            double *out) {
    const size_t pixels = shape.h * shape.w;
    for (size_t image = 0; image < shape.n; image++) {
        const float *all = x + 3 * image * pixels;
        double attention[3][3];
        for (size_t c = 0; c < 3; c++) {
            double energy[3] = {0, 0, 0};
            double total = 0;
            for (size_t k = 0; k < 3; k++) {
                for (size_t i = 0; i < pixels; i++) {
                    energy[k] += (double)all[3 * i + c] * all[3 * i + k];
                }
            }
            const double maximum = fmax(energy[0], fmax(energy[1], energy[2]));
            for (size_t k = 0; k < 3; k++) {
                attention[c][k] = exp(maximum - energy[k]);
                total += attention[c][k];
            }
            for (size_t k = 0; k < 3; k++) {
                attention[c][k] /= total;
            }
        }
        for (size_t i = 0; i < pixels; i++) {
            double sum = 0;
            for (size_t c = 0; c < 3; c++) {
                for (size_t k = 0; k < 3; k++) {
                    sum += weights[c] * attention[c][k] * all[3 * i + k];
                }
            }
            out[image * pixels + i] = sum;
        }
    }
}

static void compare_formula(value_id (*make)(struct graph *graph, value_id x),
                            void (*formula)(struct shape shape, const float *x,
                                            const float weights[3], double *out),
                            struct shape shape, float range) {
    static const float weights[3] = {0.7F, -0.4F, 0.9F};
    const size_t count = shape.n * shape.h * shape.w;
    float *pixels = malloc(3 * count * sizeof *pixels);
    float *out = malloc(count * sizeof *out);
    double *wanted = malloc(count * sizeof *wanted);
    struct random random = random_seed(3, shape.h, shape.w);
    assert_true(pixels != NULL && out != NULL && wanted != NULL);
    for (size_t i = 0; i < 3 * count; i++) {
        pixels[i] = range * draw(&random);
    }
    run_plain(shape, make, pixels, weights, out);
    formula(shape, pixels, weights, wanted);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(out[i] - wanted[i]) < 1e-5 * range);
    }
    free(pixels);
    free(out);
    free(wanted);
}

// More pixels than a tile has rows and columns, and sides that do not divide.
static void attention_is_what_the_formula_says(void **state) {
    const struct shape sizes[] = {{2, 17, 19, 3}, {1, 1, 1, 3}, {1, 33, 2, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        compare_formula(attend_to_itself, position_formula, sizes[i], 2);
        compare_formula(attend_to_itself, position_formula, sizes[i], 7); // sharp
        compare_formula(channel_attention, channel_formula, sizes[i], 0.3F);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_what_the_formula_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
