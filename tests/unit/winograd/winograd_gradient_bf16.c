// Weights' gradients by Winograd's method and products of bf16: how far they are from the sums that
// define them, that bytes do not depend on threads, and that numbers which are not finite show.
#include "ops/convolution/cpu/winograd/winograd.h"

#include "normal.h"

// Both factors are rounded to 8 bits at the points, and transforms make errors larger.
#define MAX_ERROR 1.1e-2
#define BEFORE 0.5F // what gradients are added to

struct layer {
    struct winograd shape;
    size_t pixels, weights;
    uint16_t *input, *gradient; // gradient: of the output
};

// What ReLU leaves of normal numbers, and gradients of all signs.
static struct layer open_layer(size_t images, size_t height, size_t width, size_t channels,
                               size_t out_channels) {
    struct random random = random_seed(5, channels, out_channels);
    struct layer layer = {.shape = shape_of(images, height, width, channels, out_channels),
                          .pixels = images * height * width,
                          .weights = 9 * channels * out_channels};
    layer.shape.rounds = true;
    layer.input = draw_input(&layer.shape, &random);
    layer.gradient = need(layer.pixels * out_channels * sizeof *layer.gradient);
    for (size_t i = 0; i < layer.pixels * out_channels; i++) {
        layer.gradient[i] = bf16_from(normal(&random) * 1e-6F);
    }
    return layer;
}

static void close_layer(struct layer *layer) {
    free(layer->input);
    free(layer->gradient);
}

static float *gradient_by(const struct layer *layer, int threads, float before) {
    struct winograd shape = layer->shape;
    shape.threads = threads;
    float *result = need(layer->weights * sizeof *result);
    void *workspace = need(cpu_winograd_gradient_workspace(&shape));
    for (size_t i = 0; i < layer->weights; i++) {
        result[i] = before;
    }
    cpu_winograd_gradient(&shape, layer->input, layer->gradient, result, workspace);
    free(workspace);
    return result;
}

// Adds to the sums of a tap, (out channel, channel, tap), what an output pixel gives.
static void add_pixel(const struct layer *layer, size_t pixel, size_t tap, double *sums) {
    const struct winograd *s = &layer->shape;
    const size_t y = pixel / s->width % s->height + tap / 3 - 1; // below 0: far outside
    const size_t x = pixel % s->width + tap % 3 - 1;
    const size_t from = (pixel / s->width / s->height * s->height + y) * s->width + x;
    if (y >= s->height || x >= s->width) {
        return;
    }
    for (size_t o = 0; o < s->out_channels; o++) {
        const double gradient = bf16_to(layer->gradient[pixel * s->out_channels + o]);
        for (size_t c = 0; c < s->channels; c++) {
            sums[(o * s->channels + c) * 9 + tap] +=
                gradient * bf16_to(layer->input[from * s->channels + c]);
        }
    }
}

// The root mean square of what is made less the sums, over that of the sums.
static double error_of(const struct layer *layer) {
    double *sums = need(layer->weights * sizeof *sums);
    float *result = gradient_by(layer, 1, 0);
    double apart = 0;
    double length = 0;
    memset(sums, 0, layer->weights * sizeof *sums);
    for (size_t i = 0; i < layer->pixels * 9; i++) {
        add_pixel(layer, i / 9, i % 9, sums);
    }
    for (size_t i = 0; i < layer->weights; i++) {
        apart += (result[i] - sums[i]) * (result[i] - sums[i]);
        length += sums[i] * sums[i];
    }
    free(result);
    free(sums);
    return sqrt(apart / length);
}

// One run of tiles and several, an even number of them and an odd one, and both halves at once.
static void errors_are_those_of_bf16(void **state) {
    static const size_t layers[][5] = {
        {2, 21, 13, 64, 64}, {1, 4, 9, 64, 144}, {3, 40, 44, 64, 80}, {1, 8, 8, 144, 272}};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const size_t *l = layers[i];
        struct layer layer = open_layer(l[0], l[1], l[2], l[3], l[4]);
        const double error = error_of(&layer);
        if (!(error < MAX_ERROR)) {
            fail_msg("layer %zu is off by %g", i, error);
        }
        close_layer(&layer);
    }
}

static void bytes_do_not_depend_on_threads(void **state) {
    static const size_t layers[][5] = {{2, 57, 47, 64, 80}, {1, 8, 8, 144, 272}};
    static const int threads[] = {2, 3, 24};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const size_t *l = layers[i];
        struct layer layer = open_layer(l[0], l[1], l[2], l[3], l[4]);
        float *expected = gradient_by(&layer, 1, BEFORE);
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            float *result = gradient_by(&layer, threads[k], BEFORE);
            assert_memory_equal(result, expected, layer.weights * sizeof *result);
            free(result);
        }
        free(expected);
        close_layer(&layer);
    }
}

// A number of an input channel that is not finite: that channel's gradients are not, others are.
static void what_is_not_finite_shows(void **state) {
    static const float numbers[] = {INFINITY, -INFINITY, NAN};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct layer layer = open_layer(1, 9, 12, 64, 64);
        layer.input[(size_t)50 * 64 + 7] = bf16_from(numbers[i]);
        float *result = gradient_by(&layer, 2, BEFORE);
        for (size_t k = 0; k < layer.weights; k++) {
            assert_true(isfinite(result[k]) == (k / 9 % 64 != 7));
        }
        free(result);
        close_layer(&layer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(errors_are_those_of_bf16),
                                       cmocka_unit_test(bytes_do_not_depend_on_threads),
                                       cmocka_unit_test(what_is_not_finite_shows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
