// The two resizes against recorded figures, against plain formulas, and with windows and flips.
#include "image/resize.h"
#include "core/numbers/random.h"

#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct image noise(size_t height, size_t width, uint64_t seed) {
    struct image image;
    struct random random = random_seed(seed, 0, 0);
    assert_true(image_alloc(&image, height, width, NULL));
    for (size_t i = 0; i < height * width; i++) {
        image.pixels[i] = (uint8_t)random_next(&random);
    }
    return image;
}

// One output pixel of a row, straight from the formula.
static uint8_t resized_pixel(const uint8_t *row, size_t stride, size_t in, size_t out, size_t x) {
    const double scale = (double)in / (double)out;
    const double support = scale > 1 ? scale : 1;
    const double center = ((double)x + 0.5) * scale;
    const double low = center - support + 0.5;
    const size_t first = low > 0 ? (size_t)low : 0;
    size_t end = (size_t)(center + support + 0.5);
    end = end < in ? end : in;
    double total = 0;
    for (size_t i = first; i < end; i++) {
        const double d = ((double)i - center + 0.5) / support;
        total += d < 0 ? (d > -1 ? 1 + d : 0) : (d < 1 ? 1 - d : 0);
    }
    int64_t sum = 1 << 21;
    for (size_t i = first; i < end; i++) {
        const double d = ((double)i - center + 0.5) / support;
        const double w = d < 0 ? (d > -1 ? 1 + d : 0) : (d < 1 ? 1 - d : 0);
        sum += row[i * stride] * (int64_t)(0.5 + w / total * (1 << 22));
    }
    return (uint8_t)(sum >> 22 > 255 ? 255 : sum >> 22);
}

static void check_against_formula(size_t height, size_t width, size_t to_height, size_t to_width) {
    struct image in = noise(height, width, height * 10007 + width);
    struct image wide = noise(height, to_width, 1);
    struct image out = noise(to_height, to_width, 2);
    const struct image_view view = image_view_of(&in);
    assert_true(resize_bilinear(&out, &view, NULL));
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < to_width; x++) {
            wide.pixels[y * to_width + x] =
                width == to_width ? in.pixels[y * width + x]
                                  : resized_pixel(in.pixels + y * width, 1, width, to_width, x);
        }
    }
    for (size_t y = 0; y < to_height; y++) {
        for (size_t x = 0; x < to_width; x++) {
            const uint8_t wanted = height == to_height ? wide.pixels[y * to_width + x]
                                                       : resized_pixel(wide.pixels + x, to_width,
                                                                       height, to_height, y);
            assert_int_equal(out.pixels[y * to_width + x], wanted);
        }
    }
    image_free(&in);
    image_free(&wide);
    image_free(&out);
}

static void test_bilinear_formula(void **state) {
    (void)state;
    const size_t sizes[][4] = {{1, 1, 1, 1},       {1, 1, 9, 7},       {9, 7, 1, 1},
                               {33, 1, 64, 64},    {40, 50, 40, 31},   {40, 50, 31, 50},
                               {100, 120, 37, 41}, {37, 41, 100, 120}, {129, 257, 96, 200},
                               {31, 8, 32, 9},     {63, 1000, 5, 3},   {3, 5, 300, 260}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_against_formula(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
    }
}

// A cropped, flipped view gives what a cropped, flipped copy gives.
static void check_view(bool (*resize)(struct image *, const struct image_view *, struct error *),
                       size_t height, size_t width, size_t to) {
    struct image whole = noise(90, 110, 5);
    struct image copy = noise(height, width, 6);
    struct image from_view = noise(to, to, 7);
    struct image from_copy = noise(to, to, 8);
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++) {
            copy.pixels[y * width + x] = whole.pixels[(y + 11) * 110 + 13 + width - 1 - x];
        }
    }
    const struct image_view view = {whole.pixels + 11 * 110 + 13, height, width, 110, true};
    const struct image_view plain = image_view_of(&copy);
    assert_true(resize(&from_view, &view, NULL));
    assert_true(resize(&from_copy, &plain, NULL));
    assert_memory_equal(from_view.pixels, from_copy.pixels, to * to);
    image_free(&whole);
    image_free(&copy);
    image_free(&from_view);
    image_free(&from_copy);
}

static void test_views(void **state) {
    (void)state;
    for (size_t to = 1; to < 100; to += 24) {
        check_view(resize_bilinear, 70, 90, to);
        check_view(resize_nearest, 70, 90, to);
        check_view(resize_bilinear, 25, 25, to);
    }
}

static void test_nearest_formula(void **state) {
    (void)state;
    struct image in = noise(90, 101, 9);
    struct image out = noise(64, 150, 10);
    const struct image_view view = image_view_of(&in);
    const float scale_y = (float)(90.0 / 64.0);
    const float scale_x = (float)(101.0 / 150.0);
    assert_true(resize_nearest(&out, &view, NULL));
    for (size_t y = 0; y < 64; y++) {
        for (size_t x = 0; x < 150; x++) {
            const size_t from_y = (size_t)((double)y * (double)scale_y);
            const size_t from_x = (size_t)((double)x * (double)scale_x);
            assert_int_equal(out.pixels[y * 150 + x], in.pixels[from_y * 101 + from_x]);
        }
    }
    image_free(&in);
    image_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bilinear_formula),
                                       cmocka_unit_test(test_views),
                                       cmocka_unit_test(test_nearest_formula)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
