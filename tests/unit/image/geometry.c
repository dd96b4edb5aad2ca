// Distances and connected parts: against what a search over all pixels finds.
#include "core/numbers/random.h"
#include "image/geometry/components.h"
#include "image/geometry/distance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIDE 30

static uint32_t nearest(const uint8_t *set, size_t height, size_t width, size_t y, size_t x) {
    uint32_t least = DISTANCE_NONE;
    for (size_t v = 0; v < height; v++) {
        for (size_t u = 0; u < width; u++) {
            const long dy = (long)v - (long)y;
            const long dx = (long)u - (long)x;
            const uint32_t square = (uint32_t)(dy * dy + dx * dx);
            least = set[v * width + u] != 0 && square < least ? square : least;
        }
    }
    return least;
}

static void test_distances(void **state) {
    (void)state;
    struct random random = random_seed(5, 0, 0);
    for (int trial = 0; trial < 200; trial++) {
        const size_t height = 1 + random_below(&random, SIDE);
        const size_t width = 1 + random_below(&random, SIDE);
        const uint64_t rarity = 1 + random_below(&random, 200);
        uint8_t set[SIDE * SIDE] = {0};
        uint32_t squares[SIDE * SIDE];
        struct error error;
        for (size_t i = 0; i < height * width; i++) {
            set[i] = random_below(&random, rarity) == 0;
        }
        assert_true(distance_squares(squares, set, height, width, &error));
        for (size_t i = 0; i < height * width; i++) {
            assert_int_equal(squares[i], nearest(set, height, width, i / width, i % width));
        }
    }
}

// Spreads the label of pixel (y, x) over its part.
static void flood(int *labels, const struct image *mask, size_t y, size_t x) {
    for (size_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < mask->height; v++) {
        for (size_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < mask->width; u++) {
            const size_t i = v * mask->width + u;
            if (mask->pixels[i] != 0 && labels[i] < 0) {
                labels[i] = labels[y * mask->width + x];
                flood(labels, mask, v, u);
            }
        }
    }
}

static void test_components(void **state) {
    (void)state;
    struct random random = random_seed(6, 0, 0);
    struct components components = {.count = 0};
    struct runs runs = {.count = 0};
    for (int trial = 0; trial < 300; trial++) {
        struct image mask;
        struct error error;
        int labels[SIDE * SIDE] = {0};
        const uint64_t rarity = 1 + random_below(&random, 6);
        assert_true(image_alloc(&mask, 1 + random_below(&random, SIDE),
                                1 + random_below(&random, SIDE), &error));
        for (size_t i = 0; i < mask.height * mask.width; i++) {
            mask.pixels[i] = random_below(&random, rarity) == 0;
            labels[i] = -1;
        }
        assert_true(runs_trace(&runs, &mask, &error));
        assert_true(components_find(&components, &runs, mask.height, &error));
        // Down the columns, so that parts are numbered in the same order
        int count = 0;
        for (size_t pixel = 0; pixel < mask.height * mask.width; pixel++) {
            const size_t y = pixel % mask.height;
            const size_t x = pixel / mask.height;
            const size_t i = y * mask.width + x;
            const uint32_t part = components_at(&components, (uint32_t)pixel);
            if (mask.pixels[i] == 0) {
                assert_int_equal(part, COMPONENTS_NONE);
                continue;
            }
            if (labels[i] < 0) {
                labels[i] = count++;
                flood(labels, &mask, y, x);
            }
            assert_int_equal(part, labels[i]);
        }
        assert_int_equal(components.count, count);
        image_free(&mask);
    }
    runs_free(&runs);
    components_free(&components);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
