// Phantoms: the same bytes for the same arguments, masks that are right, and cases that differ.
#include "phantom/phantom.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define CASES 120
#define SMALL 96

static const struct lesion_style style = {.area = 0.021f, .contrast = 0};

static struct phantom draw(uint64_t seed, uint64_t index, size_t side, bool lesion) {
    struct phantom phantom;
    struct error error;
    assert_true(phantom_draw(&phantom, seed, index, side, lesion ? &style : NULL, &error));
    assert_int_equal(phantom.image.height, side);
    assert_int_equal(phantom.image.width, side);
    return phantom;
}

// The checksum of the image and then of every mask.
static unsigned long checksum(const struct phantom *phantom) {
    const size_t size = phantom->image.height * phantom->image.width;
    unsigned long crc = crc32_z(0, phantom->image.pixels, size);
    for (size_t i = 0; i < phantom->lesion_count; i++) {
        crc = crc32_z(crc, phantom->lesions[i].pixels, size);
    }
    return crc;
}

static size_t area(const struct image *mask) {
    size_t count = 0;
    for (size_t i = 0; i < mask->height * mask->width; i++) {
        assert_true(mask->pixels[i] <= 1);
        count += mask->pixels[i];
    }
    return count;
}

// Bytes that every machine must give.
static void test_golden(void **state) {
    (void)state;
    static const struct {
        uint64_t seed, index;
        size_t side;
        bool lesion;
        unsigned long crc;
    } golden[] = {
        {1, 0, 64, false, 0xE7DB986B},     {1, 0, 192, true, 0x6673B91F},
        {7, 12345, 100, true, 0xBA667C52}, {0, 3, 257, true, 0xA52509B4},
        {1, 1, 1024, false, 0xB0C522C8},   {UINT64_MAX, UINT64_MAX, 192, true, 0x71212D5E},
    };
    bool same = true;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct phantom phantom =
            draw(golden[i].seed, golden[i].index, golden[i].side, golden[i].lesion);
        const unsigned long crc = checksum(&phantom);
        if (crc != golden[i].crc) {
            print_message("case %zu: 0x%08lX, not 0x%08lX\n", i, crc, golden[i].crc);
            same = false;
        }
        phantom_free(&phantom);
    }
    assert_true(same);
}

struct job {
    size_t first;
    unsigned long crc[8];
};

static void *draw_some(void *argument) {
    struct job *job = argument;
    for (size_t i = 0; i < 8; i++) {
        struct phantom phantom;
        struct error error;
        job->crc[i] = 0;
        if (phantom_draw(&phantom, 5, (job->first + i) % 8, 128, &style, &error)) {
            job->crc[i] = checksum(&phantom);
            phantom_free(&phantom);
        }
    }
    return NULL;
}

// Two threads, in different orders, draw what one draws; and no two cases are alike.
static void test_threads(void **state) {
    (void)state;
    struct job jobs[2] = {{0, {0}}, {3, {0}}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw_some, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        struct phantom phantom = draw(5, i, 128, true);
        assert_int_equal(jobs[0].crc[i], checksum(&phantom));
        assert_int_equal(jobs[1].crc[(i + 5) % 8], checksum(&phantom));
        phantom_free(&phantom);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(jobs[0].crc[i], jobs[0].crc[k]);
        }
    }
}

static void test_seeds_differ(void **state) {
    (void)state;
    struct phantom a = draw(1, 0, 64, false), b = draw(2, 0, 64, false);
    size_t different = 0;
    for (size_t i = 0; i < (size_t)64 * 64; i++) {
        different += abs(a.image.pixels[i] - b.image.pixels[i]) > 8;
    }
    assert_true(different > 64 * 64 / 10);
    phantom_free(&a);
    phantom_free(&b);
}

// The means of 8 x 8 fields: the same patient at any side, within grain and edges, which are as
// soft as a pixel and so darken the dark border of small pictures.
static void fields(double *means, const struct image *image) {
    for (size_t field = 0; field < 64; field++) {
        double sum = 0, count = 0;
        for (size_t y = field / 8 * image->height / 8; y < (field / 8 + 1) * image->height / 8;
             y++) {
            for (size_t x = field % 8 * image->width / 8; x < (field % 8 + 1) * image->width / 8;
                 x++) {
                sum += image->pixels[y * image->width + x];
                count++;
            }
        }
        means[field] = sum / count;
    }
}

static void test_sides(void **state) {
    (void)state;
    static const size_t sides[] = {1024, 2048, 257, 192, 100, 64};
    double reference[64];
    double share = 0;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct phantom phantom = draw(3, 8, sides[i], true);
        double means[64];
        const double part = (double)area(phantom.lesions) / (double)sides[i] / (double)sides[i];
        fields(means, &phantom.image);
        if (i == 0) {
            memcpy(reference, means, sizeof reference);
            share = part;
        }
        assert_true(fabs(part - share) < 0.15 * share + 0.001);
        for (size_t k = 0; k < 64; k++) {
            assert_true(fabs(means[k] - reference[k]) < (sides[i] < 128 ? 14.0 : 6.0));
        }
        phantom_free(&phantom);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const size_t sides[] = {0, 63, 2049, SIZE_MAX};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        struct phantom phantom;
        struct error error = {""};
        assert_false(phantom_draw(&phantom, 1, 1, sides[i], &style, &error));
        assert_non_null(strstr(error.text, "side"));
        assert_null(phantom.image.pixels);
        phantom_free(&phantom);
    }
}

// A lesion darkens its own mask and leaves the patient alone; without one there is no mask.
static void test_lesion_only(void **state) {
    (void)state;
    for (size_t index = 0; index < 12; index++) {
        struct phantom with = draw(4, index, SMALL, true), without = draw(4, index, SMALL, false);
        double change = 0, count = 0;
        assert_int_equal(without.lesion_count, 0);
        assert_null(without.lesions);
        for (size_t i = 0; i < (size_t)SMALL * SMALL; i++) {
            if (with.lesions[0].pixels[i] != 0) {
                change += with.image.pixels[i] - without.image.pixels[i];
                count++;
            }
        }
        assert_true(count > 0 && change / count < -1.0);
        phantom_free(&with);
        phantom_free(&without);
    }
}

struct lesion_case {
    double share, side, contrast;
    size_t annotations;
};

// Contrast: mean of the first annotation minus the mean of what lies up to 6 % of the image
// further in towards the midline, at the same height.
static struct lesion_case measure(const struct phantom *phantom) {
    const struct image *mask = phantom->lesions, *image = &phantom->image;
    struct lesion_case found = {0, 0, 0, phantom->lesion_count};
    double inner = 0, inner_count = 0, outer = 0, outer_count = 0;
    for (size_t y = 0; y < mask->height; y++) {
        for (size_t x = 0; x < mask->width; x++) {
            if (mask->pixels[y * mask->width + x] == 0) {
                continue;
            }
            const bool right = x > mask->width / 2;
            found.side += right ? 1 : -1;
            outer += image->pixels[y * image->width + x];
            outer_count++;
            for (size_t step = 1; step <= mask->width * 6 / 100; step++) {
                const size_t near = right ? x - step : x + step;
                if (mask->pixels[y * mask->width + near] == 0) {
                    inner += image->pixels[y * image->width + near];
                    inner_count++;
                }
            }
        }
    }
    assert_true(outer_count > 0 && inner_count > 0);
    found.share = outer_count / (double)(mask->height * mask->width);
    found.contrast = outer / outer_count - inner / inner_count;
    return found;
}

static int by_share(const void *a, const void *b) {
    const struct lesion_case *left = a, *right = b;
    return (left->share > right->share) - (left->share < right->share);
}

static void test_lesions_vary(void **state) {
    (void)state;
    static struct lesion_case cases[CASES];
    double contrast = 0, square = 0;
    size_t right = 0, several = 0, darker = 0;
    for (size_t i = 0; i < CASES; i++) {
        struct phantom phantom = draw(11, i, SMALL, true);
        assert_in_range(phantom.lesion_count, 1, 2);
        for (size_t k = 0; k < phantom.lesion_count; k++) {
            assert_int_equal(phantom.lesions[k].height, SMALL);
            assert_int_equal(phantom.lesions[k].width, SMALL);
            assert_in_range(area(phantom.lesions + k), 1, SMALL * SMALL * 15 / 100);
        }
        cases[i] = measure(&phantom);
        right += cases[i].side > 0;
        several += cases[i].annotations > 1;
        darker += cases[i].contrast < 0;
        contrast += cases[i].contrast / CASES;
        square += cases[i].contrast * cases[i].contrast / CASES;
        phantom_free(&phantom);
    }
    qsort(cases, CASES, sizeof *cases, by_share);
    print_message(
        "right %zu, several %zu, darker %zu, contrast %.1f +- %.1f, area %.4f %.4f %.4f\n", right,
        several, darker, contrast, sqrt(square - contrast * contrast), cases[CASES / 20].share,
        cases[CASES / 2].share, cases[CASES - CASES / 20].share);
    assert_in_range(right, CASES * 3 / 10, CASES * 7 / 10);
    assert_in_range(several, CASES * 15 / 100, CASES * 35 / 100);
    assert_true(darker > CASES * 9 / 10);
    assert_true(contrast < -10.0 && contrast > -60.0);
    assert_true(sqrt(square - contrast * contrast) > 5.0);
    assert_true(cases[CASES / 20].share < 0.008);
    assert_true(cases[CASES / 2].share > 0.015 && cases[CASES / 2].share < 0.025);
    assert_true(cases[CASES - CASES / 20].share > 0.05);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_threads),
        cmocka_unit_test(test_seeds_differ), cmocka_unit_test(test_sides),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_lesion_only),
        cmocka_unit_test(test_lesions_vary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
