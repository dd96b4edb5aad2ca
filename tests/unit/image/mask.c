// Dilation, area and thresholds of masks.
#include "image/mask.h"
#include "core/numbers/fp16.h"
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

static struct image dots(size_t height, size_t width, double share) {
    struct image image;
    struct random random = random_seed(height, width, 3);
    assert_true(image_alloc(&image, height, width, NULL));
    for (size_t i = 0; i < height * width; i++) {
        image.pixels[i] = random_uniform(&random) < share;
    }
    return image;
}

static uint8_t box_any(const struct image *in, size_t y, size_t x, size_t k) {
    const size_t before = k / 2;
    const size_t after = k - 1 - before;
    for (size_t i = y > before ? y - before : 0; i <= y + after && i < in->height; i++) {
        for (size_t j = x > before ? x - before : 0; j <= x + after && j < in->width; j++) {
            if (in->pixels[i * in->width + j]) {
                return 1;
            }
        }
    }
    return 0;
}

static void test_dilate(void **state) {
    (void)state;
    const size_t sizes[][2] = {{1, 1}, {1, 40}, {40, 1}, {31, 37}, {64, 64}};
    const size_t boxes[] = {1, 2, 3, 4, 5, 17, 64, 200};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct image in = dots(sizes[i][0], sizes[i][1], 0.01);
        struct image out = dots(sizes[i][0], sizes[i][1], 0.5);
        in.pixels[0] = 1;
        for (size_t j = 0; j < sizeof boxes / sizeof *boxes; j++) {
            assert_true(mask_dilate(&out, &in, boxes[j], NULL));
            for (size_t index = 0; index < in.height * in.width; index++) {
                assert_int_equal(out.pixels[index],
                                 box_any(&in, index / sizes[i][1], index % sizes[i][1], boxes[j]));
            }
        }
        image_free(&in);
        image_free(&out);
    }
}

static void test_area(void **state) {
    (void)state;
    struct image mask = dots(77, 91, 0.3);
    size_t area = 0;
    for (size_t i = 0; i < 77 * 91; i++) {
        area += mask.pixels[i];
    }
    assert_int_equal(mask_area(&mask), area);
    image_free(&mask);
}

// Every half against its value, at thresholds on, between and beyond the halves.
static void test_above_half(void **state) {
    (void)state;
    const double thresholds[] = {0.5,  0,     0.1,   1.0 / 3, 0.50001, 0.49999,
                                 1e-9, 65504, 65505, 1e9,     -0.5,    -1e-9};
    uint16_t *halves = malloc(65536 * sizeof *halves);
    struct image mask;
    assert_non_null(halves);
    assert_true(image_alloc(&mask, 256, 256, NULL));
    for (uint32_t i = 0; i < 65536; i++) {
        halves[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        mask_above_fp16(&mask, halves, thresholds[i]);
        for (uint32_t j = 0; j < 65536; j++) {
            const double value = (double)fp16_to_float((uint16_t)j);
            assert_int_equal(mask.pixels[j], value > thresholds[i]);
        }
    }
    image_free(&mask);
    free(halves);
}

static void test_above_others(void **state) {
    (void)state;
    const float floats[6] = {0.5f, nextafterf(0.5f, 1), NAN, INFINITY, -1, 0.1f};
    const double doubles[6] = {0.5, nextafter(0.5, 1), (double)NAN, (double)INFINITY, -1, 0.1};
    const uint8_t halved[6] = {0, 1, 0, 1, 0, 0};
    const uint8_t tenth[6] = {1, 1, 0, 1, 0, 1};
    struct image mask;
    assert_true(image_alloc(&mask, 2, 3, NULL));
    mask_above_float(&mask, floats, 0.5);
    assert_memory_equal(mask.pixels, halved, 6);
    mask_above_float(&mask, floats, 0.1); // 0.1f is above 0.1
    assert_memory_equal(mask.pixels, tenth, 6);
    mask_above_double(&mask, doubles, 0.5);
    assert_memory_equal(mask.pixels, halved, 6);
    mask_above_double(&mask, doubles, 0.1);
    assert_int_equal(mask.pixels[5], 0);
    image_free(&mask);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dilate), cmocka_unit_test(test_area),
                                       cmocka_unit_test(test_above_half),
                                       cmocka_unit_test(test_above_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
