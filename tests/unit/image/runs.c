// Run lengths: texts, lists and masks, both ways, and every malformed text.
#include "image/runs.h"
#include "core/numbers/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool parse(struct runs *runs, const char *text, size_t height, size_t width,
                  struct error *error) {
    return runs_parse(runs, text, strlen(text), height, width, error);
}

static void check_text(const struct runs *runs, const char *wanted) {
    struct runs_text text = {0};
    assert_true(runs_format(&text, runs, NULL));
    assert_int_equal(text.length, strlen(wanted));
    assert_memory_equal(text.bytes, wanted, text.length);
    free(text.bytes);
}

static void test_parse(void **state) {
    (void)state;
    const struct {
        const char *in, *out;
    } cases[] = {{"-1", "-1"},
                 {"  -1 \r", "-1"},
                 {"0 12", "0 12"},
                 {" 3 2 4 1 ", "3 2 4 1"},
                 {"3\t2\r\n4 1", "3 2 4 1"},
                 {"0 1 0 1 1 1", "0 2 1 1"},
                 {"2 0 1 3", "3 3"},
                 {"5 0", "-1"},
                 {"11 1", "11 1"},
                 {"0001 02", "1 2"}};
    struct runs runs = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {""};
        assert_true(parse(&runs, cases[i].in, 3, 4, &error));
        check_text(&runs, cases[i].out);
    }
    runs_free(&runs);
}

static void test_refused(void **state) {
    (void)state;
    const struct {
        const char *text, *says;
    } cases[] = {{"", "no number"},
                 {"  ", "no number"},
                 {"7", "pair 1 lacks"},
                 {"1 2 3", "pair 2 lacks"},
                 {"1 -2", "pair 1 is not"},
                 {"-1 2", "pair 1 is not"},
                 {"-1 -1", "pair 1 is not"},
                 {"1 2x", "pair 1 is not"},
                 {"1,2", "pair 1 is not"},
                 {"1.0 2", "pair 1 is not"},
                 {"1 2 99999999999999999999 1", "pair 2 is not"},
                 {"4294967296 1", "pair 1 is not"},
                 {"0 13", "run 1 ends at pixel 13 of 12"},
                 {"10 1 0 2", "run 2 ends at pixel 13 of 12"},
                 {"12 1", "run 1 ends at pixel 13 of 12"},
                 {"4294967295 4294967295", "run 1 ends"}};
    struct runs runs = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {""};
        assert_false(parse(&runs, cases[i].text, 3, 4, &error));
        assert_non_null(strstr(error.text, cases[i].says));
    }
    runs_free(&runs);
}

// Starts that count from the image's beginning are no error of their own, but where they leave the
// image the message names them.
static void test_absolute(void **state) {
    (void)state;
    const struct {
        const char *text;
        bool absolute;
    } cases[] = {{"1 2 5 2 9 2", true},  // 1-based: pixels 1, 2, 5, 6, 9, 10
                 {"1 2 5 2 11 2", true}, // to the last pixel
                 {"1 2 5 2 11 3", false}, {"5 2 1 9 9 2", false}, {"1 3 3 9", false},
                 {"13 2", false},         {"3 4 5 6", false}};
    struct runs runs = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {""};
        assert_false(parse(&runs, cases[i].text, 3, 4, &error));
        assert_non_null(strstr(error.text, "ends at pixel"));
        assert_int_equal(strstr(error.text, "absolute starts") != NULL, cases[i].absolute);
    }
    runs_free(&runs);
}

// A list as long as they come, in the worst order, takes no time to speak of.
static void test_many_texts(void **state) {
    (void)state;
    enum { COUNT = 300000, SIDE = 1024 };
    struct runs runs = {0};
    char text[40];
    const clock_t start = clock();
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t first = i % 2 == 0 ? COUNT - i : i;
        sprintf(text, "%u 1", 3 * first);
        assert_true(runs_parse_more(&runs, text, strlen(text), SIDE, SIDE, NULL));
    }
    runs_unite(&runs);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2);
    assert_int_equal(runs.count, COUNT);
    assert_int_equal(runs_area(&runs), COUNT);
    runs_free(&runs);
}

static struct image random_mask(size_t height, size_t width, double share, uint64_t seed) {
    struct image mask;
    struct random random = random_seed(seed, height, width);
    assert_true(image_alloc(&mask, height, width, NULL));
    for (size_t i = 0; i < height * width; i++) {
        mask.pixels[i] = random_uniform(&random) < share;
    }
    return mask;
}

// Down the columns, pixel by pixel.
static void check_trace(const struct image *mask, const struct runs *runs) {
    const size_t pixels = mask->height * mask->width;
    size_t run = 0;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t pixel = mask->pixels[(i % mask->height) * mask->width + i / mask->height];
        while (run < runs->count && runs->items[run].end <= i) {
            run++;
        }
        const bool inside = run < runs->count && runs->items[run].start <= i;
        assert_int_equal(pixel, inside);
    }
    for (size_t i = 1; i < runs->count; i++) {
        assert_true(runs->items[i - 1].end < runs->items[i].start);
    }
}

static void test_masks(void **state) {
    (void)state;
    const size_t sizes[][2] = {{1, 1}, {1, 33}, {33, 1}, {7, 9}, {64, 48}, {40, 65}, {3, 130}};
    const double shares[] = {0, 0.02, 0.5, 0.97, 1.1};
    struct runs runs = {0};
    struct runs again = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof shares / sizeof *shares; j++) {
            struct image mask = random_mask(sizes[i][0], sizes[i][1], shares[j], i);
            struct image drawn = random_mask(sizes[i][0], sizes[i][1], 0.5, 99);
            struct runs_text text = {0};
            assert_true(runs_trace(&runs, &mask, NULL));
            check_trace(&mask, &runs);
            runs_draw(&drawn, &runs);
            assert_memory_equal(drawn.pixels, mask.pixels, mask.height * mask.width);
            assert_true(runs_format(&text, &runs, NULL));
            assert_true(runs_parse(&again, text.bytes, text.length, mask.height, mask.width, NULL));
            assert_true(runs_equal(&runs, &again));
            free(text.bytes);
            image_free(&mask);
            image_free(&drawn);
        }
    }
    runs_free(&runs);
    runs_free(&again);
}

static void test_sets(void **state) {
    (void)state;
    struct runs a = {0};
    struct runs b = {0};
    struct runs traced = {0};
    struct runs_text text = {0};
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct image x = random_mask(31, 17, 0.3, seed);
        struct image y = random_mask(31, 17, 0.2, seed + 100);
        uint64_t both = 0;
        uint64_t area = 0;
        assert_true(runs_trace(&a, &x, NULL));
        assert_true(runs_trace(&b, &y, NULL));
        for (size_t i = 0; i < 31 * 17; i++) {
            both += x.pixels[i] & y.pixels[i];
            area += x.pixels[i];
            x.pixels[i] |= y.pixels[i];
        }
        assert_int_equal(runs_area(&a), area);
        assert_int_equal(runs_common(&a, &b), both);
        assert_int_equal(runs_common(&b, &a), both);
        for (size_t i = b.count; i-- > 0;) { // backwards: no order is asked for
            assert_true(runs_format(&text, &(struct runs){&b.items[i], 1, 1}, NULL));
            assert_true(runs_parse_more(&a, text.bytes, text.length, 31, 17, NULL));
        }
        runs_unite(&a);
        assert_true(runs_trace(&traced, &x, NULL));
        assert_true(runs_equal(&a, &traced));
        image_free(&x);
        image_free(&y);
    }
    runs_free(&a);
    runs_free(&b);
    runs_free(&traced);
    free(text.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_absolute), cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_masks),    cmocka_unit_test(test_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
