// bilinear: weights along an axis against the formula of half-pixel centres in double, and planes
// resized by hand.
#include "nn/bilinear/float_resize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_SIDE 70

static const size_t sides[][2] = {{1, 1}, {1, 5},   {5, 1},   {2, 4},   {4, 2},   {3, 7},  {7, 3},
                                  {6, 6}, {16, 64}, {64, 16}, {69, 70}, {70, 69}, {37, 8}, {8, 37}};

// What input i gives to output o: a tent around the output's place, which is clamped to the inputs.
static double formula(size_t in, size_t out, size_t i, size_t o) {
    const double position = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    const double last = (double)in - 1;
    const double clamped = position < 0 ? 0 : position > last ? last : position;
    const double distance = fabs(clamped - (double)i);
    return distance < 1 ? 1 - distance : 0;
}

static struct bilinear_weights make(size_t in, size_t out) {
    struct bilinear_weights axis;
    struct error error = {{0}};
    if (!bilinear_weights_make(&axis, in, out, &error)) {
        fail_msg("%s", error.text);
    }
    return axis;
}

static void each_output_follows_the_formula(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        const size_t in = sides[s][0];
        struct bilinear_weights axis = make(in, sides[s][1]);
        for (size_t o = 0; o < axis.out; o++) {
            double found[MAX_SIDE] = {0};
            assert_in_range(bilinear_weights_upper(&axis, o), axis.low[o], in - 1);
            found[axis.low[o]] += 1 - (double)axis.share[o];
            found[bilinear_weights_upper(&axis, o)] += (double)axis.share[o];
            for (size_t i = 0; i < in; i++) {
                assert_true(fabs(found[i] - formula(in, axis.out, i, o)) < 1e-6);
            }
        }
        bilinear_weights_free(&axis);
    }
}

// The lists by input hold the same weights: each pair once, and every output's sum to 1.
static void lists_by_input_hold_the_same(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        const size_t in = sides[s][0];
        struct bilinear_weights axis = make(in, sides[s][1]);
        double sums[MAX_SIDE] = {0};
        assert_int_equal(axis.first[0], 0);
        assert_in_range(axis.first[in], axis.out, 2 * axis.out);
        for (size_t i = 0; i < in; i++) {
            double found[MAX_SIDE] = {0};
            for (size_t k = axis.first[i]; k < axis.first[i + 1]; k++) {
                assert_true(k == axis.first[i] || axis.outputs[k] > axis.outputs[k - 1]);
                found[axis.outputs[k]] = (double)axis.weights[k];
                sums[axis.outputs[k]] += (double)axis.weights[k];
            }
            for (size_t o = 0; o < axis.out; o++) {
                assert_true(fabs(found[o] - formula(in, axis.out, i, o)) < 1e-6);
            }
        }
        for (size_t o = 0; o < axis.out; o++) {
            assert_true(fabs(sums[o] - 1) < 1e-6);
        }
        bilinear_weights_free(&axis);
    }
}

static void resize(const float *in, const size_t sizes[4], const float *want) {
    for (int threads = 1; threads <= 3; threads++) {
        struct float_resize plane;
        struct error error = {{0}};
        assert_true(
            float_resize_open(&plane, sizes[0], sizes[1], sizes[2], sizes[3], threads, &error));
        float *out = malloc(sizes[2] * sizes[3] * sizeof *out);
        assert_non_null(out);
        float_resize_run(&plane, in, out);
        for (size_t i = 0; i < sizes[2] * sizes[3]; i++) {
            assert_true(fabsf(out[i] - want[i]) < 1e-5F);
        }
        float_resize_close(&plane);
        free(out);
    }
}

static void planes_by_hand(void **state) {
    (void)state;
    static const float square[] = {0, 4, 8, 12};
    static const float twice[] = {0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12};
    static const float steps[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const float halves[] = {3.5F, 5.5F};
    resize(square, (const size_t[]){2, 2, 4, 4}, twice);
    resize(steps, (const size_t[]){2, 4, 1, 2}, halves);
    resize(steps, (const size_t[]){2, 4, 2, 4}, steps);
}

// What is gathered is the transpose: y . resized(x) is x . gathered(y).
static void gradients_are_the_transpose(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        const size_t height = sides[s][0];
        const size_t width = sides[s][1];
        float x[MAX_SIDE * MAX_SIDE] = {0};
        float y[MAX_SIDE];
        float dy[MAX_SIDE * MAX_SIDE] = {0};
        float dx[MAX_SIDE * MAX_SIDE];
        float row[MAX_SIDE + 1];
        double forward = 0;
        double backward = 0;
        struct bilinear_plane plane;
        struct error error = {{0}};
        assert_true(bilinear_plane_open(&plane, height, width, width, height, &error));
        for (size_t i = 0; i < height * width; i++) {
            x[i] = (float)(i * 37 % 101) / 101 - 0.3F;
            dy[i] = (float)(i * 53 % 97) / 97 - 0.6F;
        }
        for (size_t o = 0; o < width; o++) {
            bilinear_plane_row(&plane, x, o, row, y);
            for (size_t i = 0; i < height; i++) {
                forward += (double)dy[o * height + i] * (double)y[i];
            }
        }
        bilinear_plane_gather(&plane, dy, row, dx);
        for (size_t i = 0; i < height * width; i++) {
            backward += (double)dx[i] * (double)x[i];
        }
        assert_true(fabs(forward - backward) < 1e-4);
        bilinear_plane_close(&plane);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_output_follows_the_formula),
        cmocka_unit_test(lists_by_input_hold_the_same),
        cmocka_unit_test(planes_by_hand),
        cmocka_unit_test(gradients_are_the_transpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
