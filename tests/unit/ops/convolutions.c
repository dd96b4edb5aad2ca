// Convolutions of the CPU backend: every method that accepts a pass, in float32 and bf16, against
// the plain one, and that against the sums that define it.
#include "convolution_trials.h"

static void methods_agree_with_the_plain_one(void **state) {
    static const size_t channels[][2] = {{3, 8},   {16, 40},  {32, 32}, {48, 32},
                                         {32, 80}, {128, 64}, {24, 1},  {120, 32}};
    static const size_t sides[][2] = {{1, 1}, {4, 4}, {5, 13}, {18, 7}};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof channels / sizeof *channels; i++) {
        const size_t *pair = channels[i / 2];
        const size_t window = i % 2 == 0 ? 3 : 1;
        for (size_t k = 0; k < sizeof sides / sizeof *sides; k++) {
            struct convolution_shape shape = {.images = 1 + k,
                                              .height = sides[k][0],
                                              .width = sides[k][1],
                                              .channels = pair[0],
                                              .out_channels = pair[1],
                                              .window = window,
                                              .stride = 1,
                                              .pad = window / 2};
            shape.train = true;
            shape.input_gradient = true;
            check(shape);
            shape.bias = true;
            check(shape);
            shape.train = false;
            shape.relu = true;
            check(shape);
            shape.sum = true;
            check(shape);
            shape.relu = false;
            check(shape);
        }
    }
}

// Two pixels of 8 channels count as one where there is an even number.
static void strides_and_windows_differ(void **state) {
    static const size_t channels[][2] = {{32, 32}, {3, 64}, {16, 8}, {8, 8}, {8, 1}};
    static const size_t widths[] = {12, 13, 2};
    (void)state;
    for (size_t i = 0; i < 3 * 4 * 3 * sizeof channels / sizeof *channels; i++) {
        const size_t window = 1 + i / 3 % 4 * 2;
        const size_t *pair = channels[i / 36];
        check((struct convolution_shape){.images = 2,
                                         .height = 9,
                                         .width = widths[i / 12 % 3],
                                         .channels = pair[0],
                                         .out_channels = pair[1],
                                         .window = window,
                                         .stride = 1 + i % 3,
                                         .pad = window / 2,
                                         .bias = true,
                                         .train = true,
                                         .input_gradient = pair[0] != 3});
    }
}

static void repeated_pixels_take_fewer_products(void **state) {
    static const size_t channels[][2] = {{32, 16}, {3, 48}, {16, 8}};
    static const size_t sides[][2] = {{2, 2}, {6, 14}, {24, 4}};
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        struct convolution_shape shape = {.images = 2,
                                          .height = sides[i % 3][0],
                                          .width = sides[i % 3][1],
                                          .channels = channels[i / 3][0],
                                          .out_channels = channels[i / 3][1],
                                          .window = 3,
                                          .stride = 1,
                                          .pad = 1,
                                          .bias = true,
                                          .relu = true,
                                          .repeated = true};
        const struct convolution_problem problem = {.shape = complete(shape)};
        assert_true(convolution_direct.share(&problem) == 4.0 / 9);
        check(shape);
        shape.sum = true;
        check(shape);
    }
}

// oneDNN 2.6 has failed in such a layer, with matrix units: in bf16, and only of such a width.
static void narrow_layers_of_wide_images_end(void **state) {
    const struct convolution_shape shape = {
        1, 16, 768, 8, 16, 768, 8, 3, 1, 1, 1, .train = true, .input_gradient = true};
    (void)state;
    check(shape);
}

// The weights' gradient of one panel takes such rows of pixels in parts.
static void rows_need_not_fit_into_the_cache(void **state) {
    const struct convolution_shape shape = {
        2, 3, 170, 64, 3, 170, 16, 1, 1, 0, 1, .train = true, .input_gradient = true};
    (void)state;
    check(shape);
}

// All three passes at one output pixel and tap.
static void add_tap(const struct convolution_shape *s, const struct tensors *tensors,
                    double *const *sums, size_t in, size_t out, size_t tap) {
    const size_t inputs = s->channels / s->groups;
    for (size_t o = 0; o < s->out_channels; o++) {
        const size_t first = in + o / (s->out_channels / s->groups) * inputs;
        for (size_t c = 0; c < inputs; c++) {
            const size_t weight = (o * inputs + c) * s->window * s->window + tap;
            const double gradient = tensors->gradient[out + o];
            sums[CONVOLUTION_FORWARD][out + o] +=
                (double)tensors->input[first + c] * tensors->weight[weight];
            sums[CONVOLUTION_DATA_GRADIENT][first + c] += gradient * tensors->weight[weight];
            sums[CONVOLUTION_WEIGHT_GRADIENT][weight] += gradient * tensors->input[first + c];
        }
    }
}

static void add_up(const struct convolution_shape *s, const struct tensors *tensors,
                   double *const *sums) {
    for (size_t pixel = 0; pixel < s->images * s->out_height * s->out_width; pixel++) {
        const size_t image = pixel / s->out_width / s->out_height;
        for (size_t tap = 0; tap < s->window * s->window; tap++) {
            const size_t y = pixel / s->out_width % s->out_height * s->stride + tap / s->window;
            const size_t x = pixel % s->out_width * s->stride + tap % s->window;
            if (y >= s->pad && y - s->pad < s->height && x >= s->pad && x - s->pad < s->width) {
                const size_t row = image * s->height + y - s->pad;
                add_tap(s, tensors, sums, (row * s->width + x - s->pad) * s->channels,
                        pixel * s->out_channels, tap);
            }
        }
    }
}

static void check_sums(struct convolution_shape shape) {
    struct convolution_problem problem = {.shape = complete(shape), .threads = THREADS};
    struct backend *backend = open_backend(PRECISION_F32);
    struct tensors tensors = open_tensors(&problem.shape);
    double *sums[CONVOLUTION_PASSES];
    for (int pass = 0; pass < CONVOLUTION_PASSES; pass++) {
        sums[pass] = need(result_count(&tensors, (enum convolution_pass)pass) * sizeof **sums);
    }
    add_up(&problem.shape, &tensors, sums);
    for (size_t i = 0; i < tensors.weights + tensors.biases; i++) {
        sums[CONVOLUTION_WEIGHT_GRADIENT][i] += 1; // what is there before
    }
    for (int pass = 0; pass < CONVOLUTION_PASSES; pass++) {
        problem.pass = (enum convolution_pass)pass;
        float *result = run_method(&convolution_plain, backend, &problem, &tensors);
        compare("plain", &problem, 1e-7, result, sums[pass], result_count(&tensors, problem.pass));
        free(result);
        free(sums[pass]);
    }
    close_tensors(&tensors);
    backend_close(backend);
}

static void the_plain_method_is_the_sums(void **state) {
    (void)state;
    static const size_t layers[][3] = {{3, 4, 1}, {6, 4, 2}, {3, 3, 3}}; // channels, groups
    for (size_t i = 0; i < 3 * 5 * 3 * 3; i++) {
        const size_t *layer = layers[i % 3];
        check_sums((struct convolution_shape){.images = 2,
                                              .height = 7,
                                              .width = 5,
                                              .channels = layer[0],
                                              .out_channels = layer[1],
                                              .groups = layer[2],
                                              .window = 1 + i / 3 % 5,
                                              .stride = 1 + i / 15 % 3,
                                              .pad = i / 45,
                                              .train = true,
                                              .input_gradient = true});
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_agree_with_the_plain_one),
        cmocka_unit_test(strides_and_windows_differ),
        cmocka_unit_test(repeated_pixels_take_fewer_products),
        cmocka_unit_test(narrow_layers_of_wide_images_end),
        cmocka_unit_test(rows_need_not_fit_into_the_cache),
        cmocka_unit_test(the_plain_method_is_the_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
