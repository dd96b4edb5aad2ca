// Winograd's method by products of int16: its errors are below those of bf16's products, its bytes
// depend neither on threads, nor on other images, nor on where weights are transformed, and numbers
// that are not finite, or huge, or tiny, give what they ought to.
#include "ops/convolution/cpu/winograd_int16/int16.h"

#include "normal.h"

struct layer {
    struct winograd shape;
    size_t pixels;
    uint16_t *input;
    float *weights, *bias;
};

// What ReLU leaves of normal numbers, and weights of all signs.
static struct layer open_layer(size_t images, size_t height, size_t width, size_t channels,
                               size_t out_channels) {
    struct random random = random_seed(7, channels, out_channels);
    struct layer layer = {.shape = shape_of(images, height, width, channels, out_channels),
                          .pixels = images * height * width};
    layer.input = draw_input(&layer.shape, &random);
    layer.weights = need(9 * channels * out_channels * sizeof *layer.weights);
    layer.bias = need(out_channels * sizeof *layer.bias);
    for (size_t i = 0; i < 9 * channels * out_channels; i++) {
        layer.weights[i] = normal(&random) * 0.05F;
    }
    return layer;
}

static void close_layer(struct layer *layer) {
    free(layer->input);
    free(layer->weights);
    free(layer->bias);
}

// What is made of the weights: transformed ahead or where they are used, of the source or of a
// packed copy.
struct form {
    bool ahead, packed;
};

static struct winograd_int16_weights open_weights(const struct winograd *shape,
                                                  struct winograd_weights source,
                                                  struct form form) {
    const struct winograd_int16_weights weights = {
        source,
        need(cpu_winograd_int16_factors(shape) * sizeof(float)),
        need(cpu_winograd_int16_scales(shape) * sizeof(float)),
        form.ahead ? need(cpu_winograd_int16_transformed(shape) * sizeof(int16_t)) : NULL,
        form.packed ? need(cpu_winograd_int16_packed(shape) * sizeof(int16_t)) : NULL,
        need(cpu_winograd_int16_packed_scales(shape) * sizeof(float))};
    cpu_winograd_int16_weights(shape, &weights);
    return weights;
}

static uint16_t *convolved(const struct layer *layer, struct winograd_weights source,
                           struct form form, int threads) {
    struct winograd shape = layer->shape;
    shape.threads = threads;
    uint16_t *output = need(layer->pixels * shape.out_channels * sizeof *output);
    void *workspace = need(cpu_winograd_int16_workspace(&shape));
    struct winograd_int16_weights weights = open_weights(&shape, source, form);
    cpu_winograd_int16_convolve(&shape, layer->input, &weights,
                                (struct epilogue){layer->bias, 0, 0}, output, workspace);
    free(weights.factors);
    free(weights.scales);
    free(weights.transformed);
    free(weights.packed);
    free(weights.packed_scales);
    free(workspace);
    return output;
}

static uint16_t *made_of(const struct layer *layer, struct form form) {
    return convolved(layer, (struct winograd_weights){layer->weights, WINOGRAD_PLAIN}, form, 1);
}

static uint16_t *plainly(const struct layer *layer) {
    return made_of(layer, (struct form){.ahead = true});
}

static uint16_t *of_packed(const struct layer *layer) {
    return made_of(layer, (struct form){.ahead = true, .packed = true});
}

// ---- errors

// An output as a sum, of weights or of those rounded to bf16.
static double sum_at(const struct layer *layer, size_t pixel, size_t o, bool rounded) {
    const struct winograd *s = &layer->shape;
    double sum = layer->bias[o];
    for (size_t tap = 0; tap < 9; tap++) {
        const size_t y = pixel / s->width % s->height + tap / 3 - 1;
        const size_t x = pixel % s->width + tap % 3 - 1;
        const size_t image = pixel / s->width / s->height;
        for (size_t c = 0; y < s->height && x < s->width && c < s->channels; c++) {
            const float weight = layer->weights[(o * s->channels + c) * 9 + tap];
            sum += (double)bf16_to(
                       layer->input[((image * s->height + y) * s->width + x) * s->channels + c]) *
                   (rounded ? bf16_to(bf16_from(weight)) : weight);
        }
    }
    return sum;
}

// Errors of what is stored, in all outputs, over the outputs: of this method and of sums of bf16's
// products.
static void expect_errors_below_bf16(const struct layer *layer, uint16_t *output) {
    const size_t channels = layer->shape.out_channels;
    double apart[2] = {0};
    double length = 0;
    for (size_t i = 0; i < layer->pixels * channels; i++) {
        const double wanted = sum_at(layer, i / channels, i % channels, false);
        const double direct = sum_at(layer, i / channels, i % channels, true);
        const double errors[] = {bf16_to(output[i]) - wanted,
                                 bf16_to(bf16_from((float)direct)) - wanted};
        apart[0] += errors[0] * errors[0];
        apart[1] += errors[1] * errors[1];
        length += wanted * wanted;
    }
    assert_true(length > 0 && apart[0] < apart[1]);
    free(output);
}

static void expect_below_bf16(const struct layer *layer) {
    expect_errors_below_bf16(layer, plainly(layer));
    expect_errors_below_bf16(layer, of_packed(layer));
}

// Multiplies a few channels' inputs and weights.
static void scale_channels(struct layer *layer, float inputs, float weights) {
    for (size_t c = 3; c < layer->shape.channels; c += 40) {
        for (size_t i = c; i < layer->pixels * layer->shape.channels; i += layer->shape.channels) {
            layer->input[i] = bf16_from(bf16_to(layer->input[i]) * inputs);
        }
        for (size_t i = 0; i < 9 * layer->shape.out_channels; i++) {
            layer->weights[(i / 9 * layer->shape.channels + c) * 9 + i % 9] *= weights;
        }
    }
}

static void errors_are_below_those_of_bf16(void **state) {
    static const size_t channels[] = {64, 88};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct layer layer = open_layer(1, 12, 14, channels[i], 64);
        expect_below_bf16(&layer);
        scale_channels(&layer, 64, 1);
        expect_below_bf16(&layer);
        scale_channels(&layer, 1, 1.0F / 64); // as a norm's weights may have it
        expect_below_bf16(&layer);
        close_layer(&layer);
    }
}

// ---- bytes

static void expect(const struct layer *layer, struct winograd_weights source, struct form form,
                   const uint16_t *expected) {
    static const int threads[] = {1, 2, 7};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        uint16_t *output = convolved(layer, source, form, threads[i]);
        assert_memory_equal(output, expected,
                            layer->pixels * layer->shape.out_channels * sizeof *output);
        free(output);
    }
}

// Weights as the convolution's own and as those of an input's gradient.
static void rotate(const struct layer *layer, float *rotated) {
    const struct winograd *s = &layer->shape;
    for (size_t i = 0; i < 9 * s->channels * s->out_channels; i++) {
        const size_t o = i / 9 / s->channels;
        const size_t c = i / 9 % s->channels;
        rotated[(c * s->out_channels + o) * 9 + 8 - i % 9] = layer->weights[i];
    }
}

static void expect_of_all_sources(const struct layer *layer) {
    const struct form at_use = {.ahead = false};
    const struct winograd_weights plain = {layer->weights, WINOGRAD_PLAIN};
    float *packed = need(cpu_winograd_packed_size(&layer->shape) * sizeof *packed);
    uint16_t *expected = plainly(layer);
    cpu_winograd_pack(&layer->shape, layer->weights, packed);
    expect(layer, plain, (struct form){.ahead = true}, expected);
    expect(layer, plain, at_use, expected);
    expect(layer, (struct winograd_weights){packed, WINOGRAD_PACKED}, at_use, expected);
    rotate(layer, packed);
    expect(layer, (struct winograd_weights){packed, WINOGRAD_ROTATED}, at_use, expected);
    free(packed);
    free(expected);
}

static void expect_of_packed(const struct layer *layer) {
    uint16_t *expected = of_packed(layer);
    expect(layer, (struct winograd_weights){layer->weights, WINOGRAD_PLAIN},
           (struct form){.packed = true}, expected);
    free(expected);
}

// Whole and broken parts of the channels and panels, one run of tiles and several.
static void bytes_are_the_same(void **state) {
    static const size_t layers[][5] = {
        {1, 5, 13, 128, 64}, {2, 40, 77, 80, 48}, {3, 8, 8, 248, 144}};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct layer layer =
            open_layer(layers[i][0], layers[i][1], layers[i][2], layers[i][3], layers[i][4]);
        expect_of_all_sources(&layer);
        expect_of_packed(&layer);
        close_layer(&layer);
    }
}

static void images_do_not_depend_on_each_other(void **state) {
    struct layer both = open_layer(2, 7, 9, 64, 64);
    struct layer second = both;
    (void)state;
    second.shape.images = 1;
    second.pixels = both.pixels / 2;
    second.input = both.input + second.pixels * 64;
    uint16_t *outputs = plainly(&both);
    uint16_t *output = plainly(&second);
    assert_memory_equal(outputs + second.pixels * 64, output, second.pixels * 64 * sizeof *output);
    free(outputs);
    free(output);
    close_layer(&both);
}

// ---- numbers of any size

static void what_is_not_finite_shows(void **state) {
    static const uint16_t odd[] = {0x7F80, 0xFF80, 0x7FC0}; // infinite, NaN
    struct layer layer = open_layer(1, 12, 16, 64, 32);
    uint16_t *before = plainly(&layer);
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        layer.input[(5 * 16 + 6) * 64 + 33] = odd[i]; // near a corner of the tile
        uint16_t *after = plainly(&layer);
        for (size_t k = 0; k < layer.pixels * 32; k++) {
            const size_t y = k / 32 / 16;
            const size_t x = k / 32 % 16;
            const bool sees = y >= 4 && y <= 6 && x >= 5 && x <= 7;
            const bool far = y < 4 || y > 7 || x < 4 || x > 7; // other tiles
            assert_true(!sees || !isfinite(bf16_to(after[k])));
            assert_true(!far || after[k] == before[k]);
        }
        free(after);
    }
    free(before);
    close_layer(&layer);
}

// Of an output channel, whatever is made of the weights.
static void weights_that_are_not_finite_show(void **state) {
    static const float odd[] = {INFINITY, NAN};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct layer layer = open_layer(1, 6, 5, 64, 32);
        layer.weights[(7 * 64 + 40) * 9 + 4] = odd[i % 2];
        uint16_t *output = i < 2 ? plainly(&layer) : of_packed(&layer);
        for (size_t k = 0; k < layer.pixels * 32; k++) {
            assert_true(isfinite(bf16_to(output[k])) == (k % 32 != 7));
        }
        free(output);
        close_layer(&layer);
    }
}

static void scale_inputs(struct layer *layer, int exponent) {
    for (size_t i = 0; i < layer->pixels * layer->shape.channels; i++) {
        layer->input[i] = bf16_from(ldexpf(bf16_to(layer->input[i]), exponent));
    }
}

// Powers of two change nothing but exponents, until they meet the smallest numbers.
static void numbers_may_have_any_size(void **state) {
    struct layer layer = open_layer(1, 6, 5, 64, 32);
    uint16_t *before = plainly(&layer);
    (void)state;
    scale_inputs(&layer, 100);
    uint16_t *huge = plainly(&layer);
    scale_inputs(&layer, -190);
    uint16_t *small = plainly(&layer);
    scale_inputs(&layer, -30);
    uint16_t *tiny = plainly(&layer);
    memset(layer.input, 0, layer.pixels * 64 * sizeof *layer.input);
    for (size_t o = 0; o < 32; o++) {
        layer.bias[o] = (float)o;
    }
    uint16_t *zeros = plainly(&layer);
    for (size_t i = 0; i < layer.pixels * 32; i++) {
        assert_true(bf16_to(huge[i]) == ldexpf(bf16_to(before[i]), 100));
        assert_true(bf16_to(small[i]) == ldexpf(bf16_to(before[i]), -90));
        assert_true(fabsf(bf16_to(tiny[i]) - ldexpf(bf16_to(before[i]), -120)) < 0x1p-122F);
        assert_true(bf16_to(zeros[i]) == (float)(i % 32));
    }
    free(before);
    free(huge);
    free(small);
    free(tiny);
    free(zeros);
    close_layer(&layer);
}

// ---- the method's own passes

static void check_pass(size_t channels, enum convolution_pass pass, bool train) {
    struct layer layer = open_layer(1, 12, 11, channels, channels);
    const struct convolution_problem problem = {
        .shape = {1, 12, 11, channels, 12, 11, channels, 3, 1, 1, 1, .train = train},
        .pass = pass,
        .precision = PRECISION_BF16,
        .threads = 2,
        .processor = {.f32_products = true, .int16_products = true}};
    struct error error;
    size_t bytes = 0;
    void *state = convolution_winograd_int16.plan(NULL, &problem, &bytes, &error);
    assert_non_null(state);
    void *workspace = need(bytes);
    uint16_t *output = need(layer.pixels * channels * sizeof *output);
    convolution_winograd_int16.prepare(state, layer.weights);
    const bool forward = pass == CONVOLUTION_FORWARD;
    if (forward) {
        convolution_winograd_int16.forward(state, layer.input, NULL, output, workspace);
    } else {
        convolution_winograd_int16.data_gradient(state, layer.input, output, workspace);
    }
    uint16_t *expected = convolved(
        &layer,
        (struct winograd_weights){layer.weights, forward ? WINOGRAD_PLAIN : WINOGRAD_ROTATED},
        (struct form){.packed = forward && !train && channels >= 128}, 2);
    assert_memory_equal(output, expected, layer.pixels * channels * sizeof *output);
    convolution_winograd_int16.release(state);
    free(workspace);
    free(output);
    free(expected);
    close_layer(&layer);
}

static void layers_are_convolved_so(void **state) {
    (void)state;
    check_pass(64, CONVOLUTION_FORWARD, false);
    check_pass(128, CONVOLUTION_FORWARD, false);
    check_pass(128, CONVOLUTION_FORWARD, true);
    check_pass(256, CONVOLUTION_FORWARD, true);
    check_pass(128, CONVOLUTION_DATA_GRADIENT, true);
    check_pass(256, CONVOLUTION_DATA_GRADIENT, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_below_those_of_bf16),
        cmocka_unit_test(bytes_are_the_same),
        cmocka_unit_test(images_do_not_depend_on_each_other),
        cmocka_unit_test(what_is_not_finite_shows),
        cmocka_unit_test(weights_that_are_not_finite_show),
        cmocka_unit_test(numbers_may_have_any_size),
        cmocka_unit_test(layers_are_convolved_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
