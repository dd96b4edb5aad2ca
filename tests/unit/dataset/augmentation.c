// augmentation: gray levels after a change of tone, and pixels after a warp, against their
// formulas.
#include "dataset/augmentation/tone.h"
#include "dataset/augmentation/warp.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIDE 96
#define MASK_SIDE 128

static void test_tones(void **state) {
    (void)state;
    uint8_t table[256];
    tone_table(table, TONE_BRIGHTNESS, 0.2, 0);
    for (int v = 0; v < 256; v++) {
        assert_int_equal(table[v], v + 51 > 255 ? 255 : v + 51);
    }
    tone_table(table, TONE_BRIGHTNESS, -0.1, 0);
    assert_int_equal(table[10], 0);
    assert_int_equal(table[100], 75); // 74.5
    tone_table(table, TONE_CONTRAST, 0.2, 100);
    assert_int_equal(table[100], 100);
    assert_int_equal(table[0], 0);
    assert_int_equal(table[110], 112);
    assert_int_equal(table[255], 255);
    tone_table(table, TONE_CONTRAST, -0.2, 100);
    assert_int_equal(table[0], 20);
    tone_table(table, TONE_GAMMA, 0.2, 0);
    for (int v = 0; v < 256; v++) {
        assert_int_equal(table[v], lround(255 * pow(v / 255.0, 1.2)));
    }
    for (int tone = 0; tone < TONE_COUNT; tone++) {
        tone_table(table, (enum tone)tone, 0, 77);
        for (int v = 0; v < 256; v++) {
            assert_int_equal(table[v], v);
        }
    }
}

static struct image pattern(size_t side) {
    struct image image;
    struct error error;
    assert_true(image_alloc(&image, side, side, &error));
    return image;
}

static struct warp still(void) {
    struct warp warp = {.side = 0};
    struct error error;
    assert_true(warp_reset(&warp, SIDE, &error));
    return warp;
}

// An ellipse: 255 within it.
static void draw_ellipse(struct image *image, uint8_t level) {
    const double side = (double)image->width;
    for (size_t i = 0; i < image->width * image->width; i++) {
        const double y = ((double)(i / image->width) + 0.5) / side - 0.4;
        const double x = ((double)(i % image->width) + 0.5) / side - 0.55;
        image->pixels[i] = y * y / 0.06 + x * x / 0.03 < 1 ? level : 0;
    }
}

static void test_moves(void **state) {
    (void)state;
    struct warp warp = still();
    struct image in = pattern(SIDE);
    struct image out = pattern(SIDE);
    struct random random = random_seed(1, 0, 0);
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        in.pixels[i] = (uint8_t)random_below(&random, 256);
    }
    warp_image(&out, &in, &warp);
    assert_memory_equal(in.pixels, out.pixels, SIDE * SIDE);
    // By whole pixels, mirrored at the edges; half-way between two, their mean
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        warp.dy[i] = 3;
        warp.dx[i] = -2;
    }
    warp_image(&out, &in, &warp);
    assert_int_equal(out.pixels[10 * SIDE + 10], in.pixels[13 * SIDE + 8]);
    assert_int_equal(out.pixels[10 * SIDE], in.pixels[13 * SIDE + 2]);
    assert_int_equal(out.pixels[(SIDE - 1) * SIDE + 10], in.pixels[(SIDE - 4) * SIDE + 8]);
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        warp.dy[i] = 0;
        warp.dx[i] = 0.5F;
    }
    warp_image(&out, &in, &warp);
    for (size_t x = 0; x + 1 < SIDE; x++) {
        assert_int_equal(out.pixels[x], (in.pixels[x] + in.pixels[x + 1] + 1) / 2);
    }
    image_free(&in);
    image_free(&out);
    warp_free(&warp);
}

// A mask, which is larger, goes where the image goes: the share of pixels that disagree.
static double disagreement(const struct warp *warp) {
    struct image image = pattern(SIDE);
    struct image mask = pattern(MASK_SIDE);
    struct image out = pattern(SIDE);
    struct image out_mask = pattern(MASK_SIDE);
    draw_ellipse(&image, 255);
    draw_ellipse(&mask, 1);
    warp_image(&out, &image, warp);
    warp_mask(&out_mask, &mask, warp);
    size_t wrong = 0;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        const size_t y = i / SIDE * MASK_SIDE / SIDE;
        const size_t x = i % SIDE * MASK_SIDE / SIDE;
        wrong += (out.pixels[i] > 127) != (out_mask.pixels[y * MASK_SIDE + x] != 0);
    }
    const bool moved = memcmp(image.pixels, out.pixels, SIDE * SIDE) != 0;
    assert_true(moved);
    image_free(&image);
    image_free(&mask);
    image_free(&out);
    image_free(&out_mask);
    return (double)wrong / (SIDE * SIDE);
}

static void test_masks_follow(void **state) {
    (void)state;
    struct warp warp = still();
    struct error error;
    for (uint64_t trial = 0; trial < 10; trial++) {
        struct random random = random_seed(trial, 0, 0);
        for (int distortion = 0; distortion < DISTORTION_COUNT; distortion++) {
            assert_true(warp_reset(&warp, SIDE, &error));
            warp_distort_by(&warp, (enum distortion)distortion, &random);
            assert_true(disagreement(&warp) < 0.03);
        }
        assert_true(warp_reset(&warp, SIDE, &error));
        warp_shift_scale_rotate(&warp, &random);
        assert_true(disagreement(&warp) < 0.03);
    }
    warp_free(&warp);
}

// Where the corners of the square are taken from tells the turn, and how far they lie apart the
// scale.
static void test_shift_scale_rotate(void **state) {
    (void)state;
    struct warp warp = still();
    double most_turn = 0;
    for (uint64_t trial = 0; trial < 200; trial++) {
        struct random random = random_seed(trial, 1, 0);
        struct error error;
        assert_true(warp_reset(&warp, SIDE, &error));
        warp_shift_scale_rotate(&warp, &random);
        const double y = warp.dy[SIDE - 1] - warp.dy[0];
        const double x = SIDE - 1 + warp.dx[SIDE - 1] - warp.dx[0];
        const double scale = (SIDE - 1) / hypot(x, y);
        assert_true(scale > 0.899 && scale < 1.101);
        most_turn = fmax(most_turn, fabs(atan2(y, x)));
    }
    assert_true(most_turn < M_PI / 4 + 1e-3 && most_turn > 0.9 * M_PI / 4);
    warp_free(&warp);
}

// Noise from -1 to 1 has a variance of 1/3; a Gaussian leaves 1 / (4 pi sigma^2) of it.
static void test_elastic(void **state) {
    (void)state;
    enum { LARGE = 512 };
    struct warp warp = {.side = 0};
    struct random random = random_seed(4, 0, 0);
    struct error error;
    double sum = 0;
    assert_true(warp_reset(&warp, LARGE, &error));
    warp_distort_by(&warp, DISTORTION_ELASTIC, &random);
    for (size_t i = 0; i < LARGE * LARGE; i++) {
        sum += (double)warp.dy[i] * warp.dy[i] + (double)warp.dx[i] * warp.dx[i];
    }
    const double found = sqrt(sum / (2.0 * LARGE * LARGE));
    const double expected = 120 * sqrt(1.0 / 3) / (2 * sqrt(M_PI) * 6) * LARGE / 1024;
    assert_true(fabs(found / expected - 1) < 0.1);
    warp_free(&warp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tones),        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_masks_follow), cmocka_unit_test(test_shift_scale_rotate),
        cmocka_unit_test(test_elastic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
