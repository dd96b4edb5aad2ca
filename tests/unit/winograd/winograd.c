// Winograd's method with weights that are transformed where they are used makes the bytes that it
// makes with weights transformed ahead, however many threads there are; so does the weights'
// gradient.
#include "ops/convolution/cpu/winograd/winograd.h"

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

// `count` floats between -0.5 and 0.5 whose lower halves are the upper ones again, so that they are
// twice as many numbers of bf16.
static float *drawn(struct random *random, size_t count) {
    float *numbers = aligned_alloc(64, (count * sizeof *numbers + 63) / 64 * 64);
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++) {
        const float number = (float)(random_next(random) >> 40) / (1 << 24) - 0.5F;
        uint16_t halves[2];
        memcpy(halves, &number, sizeof number);
        halves[0] = halves[1];
        memcpy(&numbers[i], halves, sizeof number);
    }
    return numbers;
}

struct layer {
    struct winograd shape;
    float *input, *weights, *bias, *sums; // sums: what the output holds before
    size_t outputs;
};

static struct layer open_layer(struct winograd shape) {
    struct random random = random_seed(3, shape.channels, shape.out_channels);
    const size_t pixels = shape.images * shape.height * shape.width;
    struct layer layer = {.shape = shape, .outputs = pixels * shape.out_channels};
    layer.input = drawn(&random, pixels * shape.channels);
    layer.weights = drawn(&random, 9 * shape.channels * shape.out_channels);
    layer.bias = drawn(&random, shape.out_channels);
    layer.sums = drawn(&random, layer.outputs);
    return layer;
}

static void close_layer(struct layer *layer) {
    free(layer->input);
    free(layer->weights);
    free(layer->bias);
    free(layer->sums);
}

static float *output_of(const struct layer *layer) {
    float *output = malloc(layer->outputs * sizeof *output + 1);
    assert_non_null(output);
    memcpy(output, layer->sums, layer->outputs * sizeof *output);
    return output;
}

// `adds`: with the output's sums and ReLU.
static float *convolved(const struct layer *layer, bool adds, bool rotated) {
    const struct winograd *shape = &layer->shape;
    float *output = output_of(layer);
    float *weights = malloc(cpu_winograd_weights_size(shape) * sizeof *weights);
    void *workspace = aligned_alloc(64, (cpu_winograd_workspace(shape) + 63) / 64 * 64);
    assert_true(weights != NULL && workspace != NULL);
    cpu_winograd_weights(shape, layer->weights, rotated, weights);
    cpu_winograd_convolve(shape, layer->input, weights, (struct epilogue){layer->bias, adds, adds},
                          output, workspace);
    free(weights);
    free(workspace);
    return output;
}

static void expect(const struct layer *layer, struct winograd_weights weights,
                   const float *expected) {
    static const int threads[] = {1, 2, 3, 7};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct winograd shape = layer->shape;
        shape.threads = threads[i];
        float *output = output_of(layer);
        void *workspace = aligned_alloc(64, (cpu_winograd_wide_workspace(&shape) + 63) / 64 * 64);
        assert_non_null(workspace);
        cpu_winograd_convolve_wide(&shape, layer->input, weights,
                                   (struct epilogue){layer->bias, true, true}, output, workspace);
        assert_memory_equal(output, expected, layer->outputs * sizeof *output);
        free(output);
        free(workspace);
    }
}

static void check(struct winograd shape) {
    struct layer layer = open_layer(shape);
    float *packed = malloc(cpu_winograd_packed_size(&shape) * sizeof *packed);
    float *expected = convolved(&layer, true, false);
    assert_non_null(packed);
    cpu_winograd_pack(&shape, layer.weights, packed);
    for (size_t i = 0; i < layer.outputs; i++) {
        assert_true(shape.precision == PRECISION_BF16 || isfinite(expected[i]));
    }
    assert_memory_not_equal(expected, layer.sums, layer.outputs * sizeof *expected);
    expect(&layer, (struct winograd_weights){packed, WINOGRAD_PACKED}, expected);
    expect(&layer, (struct winograd_weights){layer.weights, WINOGRAD_PLAIN}, expected);
    free(expected);
    expected = convolved(&layer, true, true);
    expect(&layer, (struct winograd_weights){layer.weights, WINOGRAD_ROTATED}, expected);
    free(expected);
    free(packed);
    close_layer(&layer);
}

// Whole and broken parts of the channels, one and several panels, one run of tiles and several.
static void weights_may_be_transformed_at_use(void **state) {
    static const size_t layers[][5] = {
        {1, 5, 13, 128, 128}, {2, 40, 37, 88, 48}, {3, 8, 8, 256, 64}, {1, 1, 1, 32, 144}};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct winograd shape = {.tile = 4,
                                 .precision = PRECISION_F32,
                                 .images = layers[i][0],
                                 .height = layers[i][1],
                                 .width = layers[i][2],
                                 .channels = layers[i][3],
                                 .out_channels = layers[i][4],
                                 .threads = 2};
        check(shape);
        shape.tile = 2;
        check(shape);
        shape.tile = 4;
        shape.precision = PRECISION_BF16;
        check(shape);
    }
}

// The method's own passes of a layer of `channels` on both sides, which is wide.
static void check_pass(size_t channels, enum convolution_pass pass, bool train) {
    const struct convolution_shape s = {.images = 1,
                                        .height = 12,
                                        .width = 11,
                                        .channels = channels,
                                        .out_height = 12,
                                        .out_width = 11,
                                        .out_channels = channels,
                                        .window = 3,
                                        .stride = 1,
                                        .pad = 1,
                                        .groups = 1,
                                        .train = train,
                                        .sum = pass == CONVOLUTION_FORWARD,
                                        .relu = pass == CONVOLUTION_FORWARD};
    const struct convolution_problem problem = {
        .shape = s, .pass = pass, .threads = 2, .processor = {.f32_products = true}};
    struct layer layer =
        open_layer((struct winograd){.tile = pass == CONVOLUTION_FORWARD && train ? 2 : 4,
                                     .images = s.images,
                                     .height = s.height,
                                     .width = s.width,
                                     .channels = channels,
                                     .out_channels = channels,
                                     .threads = 2});
    const bool forward = pass == CONVOLUTION_FORWARD;
    float *output = output_of(&layer);
    struct error error;
    size_t bytes = 0;
    assert_true(convolution_winograd.accepts(&problem));
    void *state = convolution_winograd.plan(NULL, &problem, &bytes, &error);
    // Less than the transformed weights, though there is all else.
    assert_true(bytes < cpu_winograd_weights_size(&layer.shape) * sizeof(float));
    void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_true(state != NULL && workspace != NULL);
    convolution_winograd.prepare(state, layer.weights);
    if (forward) {
        convolution_winograd.forward(state, layer.input, layer.bias, output, workspace);
    } else {
        memset(layer.bias, 0, channels * sizeof(float));
        convolution_winograd.data_gradient(state, layer.input, output, workspace);
    }
    float *expected = convolved(&layer, forward, !forward);
    assert_memory_equal(output, expected, layer.outputs * sizeof *output);
    convolution_winograd.release(state);
    free(workspace);
    free(expected);
    free(output);
    close_layer(&layer);
}

static void wide_layers_are_convolved_so(void **state) {
    (void)state;
    check_pass(128, CONVOLUTION_FORWARD, false);
    check_pass(256, CONVOLUTION_FORWARD, true);
    check_pass(256, CONVOLUTION_DATA_GRADIENT, true);
}

// The gradient of a layer of float32, which is added to 1s.
static float *weight_gradient(const struct layer *layer, int threads) {
    struct winograd shape = layer->shape;
    const size_t count = 9 * shape.channels * shape.out_channels;
    float *gradient = malloc(count * sizeof *gradient);
    shape.threads = threads;
    void *workspace = aligned_alloc(64, (cpu_winograd_gradient_workspace(&shape) + 63) / 64 * 64);
    assert_true(gradient != NULL && workspace != NULL);
    for (size_t i = 0; i < count; i++) {
        gradient[i] = 1;
    }
    cpu_winograd_gradient(&shape, layer->input, layer->sums, gradient, workspace);
    free(workspace);
    return gradient;
}

// One weight's gradient by its definition: the sum over pixels of input times output gradient.
static double summed(const struct layer *layer, size_t out_channel, size_t channel, size_t tap) {
    const struct winograd *s = &layer->shape;
    double sum = 0;
    for (size_t pixel = 0; pixel < s->images * s->height * s->width; pixel++) {
        const size_t y = pixel / s->width % s->height + tap / 3 - 1; // below 0: far outside
        const size_t x = pixel % s->width + tap % 3 - 1;
        const size_t from = (pixel / s->width / s->height * s->height + y) * s->width + x;
        if (y < s->height && x < s->width) {
            sum += (double)layer->input[from * s->channels + channel] *
                   layer->sums[pixel * s->out_channels + out_channel];
        }
    }
    return sum;
}

// One run of tiles and several, both halves at once and apart, panels that threads' parts divide
// and others.
static void gradients_do_not_depend_on_threads(void **state) {
    static const size_t layers[][5] = {
        {2, 57, 47, 96, 80}, {1, 5, 9, 32, 144}, {1, 8, 8, 144, 272}};
    static const int threads[] = {2, 3, 4, 7, 24};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct layer layer = open_layer((struct winograd){.tile = 4,
                                                          .precision = PRECISION_F32,
                                                          .images = layers[i][0],
                                                          .height = layers[i][1],
                                                          .width = layers[i][2],
                                                          .channels = layers[i][3],
                                                          .out_channels = layers[i][4]});
        const size_t count = 9 * layers[i][3] * layers[i][4];
        float *expected = weight_gradient(&layer, 1);
        for (size_t k = 0; k < count; k += 1009) {
            const size_t pair = k / 9;
            const double sum = summed(&layer, pair / layers[i][3], pair % layers[i][3], k % 9);
            assert_true(fabs(expected[k] - 1 - sum) < 2e-4);
        }
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            float *gradient = weight_gradient(&layer, threads[k]);
            assert_memory_equal(gradient, expected, count * sizeof *expected);
            free(gradient);
        }
        free(expected);
        close_layer(&layer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights_may_be_transformed_at_use),
                                       cmocka_unit_test(gradients_do_not_depend_on_threads),
                                       cmocka_unit_test(wide_layers_are_convolved_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
