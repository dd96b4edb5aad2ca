// The order of samples: every image once an epoch, exact balance, positions that need no history.
#include "dataset/sampler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGES 23

// The images of a fold are some of all, in an order of their own: odd numbers, downwards.
struct images {
    uint32_t order[IMAGES];
    bool has_lesion[2 * IMAGES];
};

static struct images make_images(void) {
    struct images images = {{0}, {false}};
    for (uint32_t i = 0; i < IMAGES; i++) {
        images.order[i] = 2 * (IMAGES - i) - 1;
        images.has_lesion[images.order[i]] = i % 5 == 0;
    }
    return images;
}

static const struct sampler_options plain = {.seed = 7,
                                             .shuffle = true,
                                             .balance = BALANCE_NONE,
                                             .balance_end = BALANCE_NONE,
                                             .batch = 1,
                                             .epochs = 1};

static struct sampler start(const struct sampler_options *options, const struct images *images) {
    struct sampler sampler;
    struct error error = {{0}};
    if (!sampler_init(&sampler, options, images->order, IMAGES, images->has_lesion, &error)) {
        fail_msg("%s", error.text);
    }
    return sampler;
}

static void test_each_once(void **state) {
    (void)state;
    const struct images images = make_images();
    struct sampler_options options = plain;
    options.epochs = 3;
    struct sampler sampler = start(&options, &images);
    assert_int_equal(sampler.total, 3 * IMAGES);
    uint32_t first[IMAGES] = {0};
    int moved = 0;
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        int seen[2 * IMAGES] = {0};
        for (uint64_t i = 0; i < IMAGES; i++) {
            const struct sampler_pick sample = sampler_at(&sampler, epoch * IMAGES + i);
            assert_int_equal(sample.epoch, epoch);
            seen[sample.image]++;
            moved += epoch > 0 && sample.image != first[i];
            if (epoch == 0) {
                first[i] = sample.image;
            }
        }
        for (size_t i = 0; i < IMAGES; i++) {
            assert_int_equal(seen[images.order[i]], 1);
        }
    }
    assert_true(moved > IMAGES); // of 2 * IMAGES: another order each epoch
    sampler_free(&sampler);
}

static void test_unshuffled(void **state) {
    (void)state;
    const struct images images = make_images();
    struct sampler_options options = plain;
    options.shuffle = false;
    options.epochs = 2;
    struct sampler sampler = start(&options, &images);
    for (uint64_t i = 0; i < sampler.total; i++) {
        assert_int_equal(sampler_at(&sampler, i).image, images.order[i % IMAGES]);
    }
    sampler_free(&sampler);
}

static void test_batches(void **state) {
    (void)state;
    const struct images images = make_images();
    struct sampler_options options = plain;
    options.batch = 6;
    options.epochs = 40;
    struct sampler sampler = start(&options, &images);
    int seen[2 * IMAGES] = {0};
    assert_int_equal(sampler.total, 40 * 18);
    for (uint64_t epoch = 0; epoch < 40; epoch++) {
        int here[2 * IMAGES] = {0};
        for (uint64_t i = 0; i < 18; i++) {
            const struct sampler_pick sample = sampler_at(&sampler, epoch * 18 + i);
            assert_int_equal(sample.epoch, epoch);
            assert_int_equal(here[sample.image]++, 0);
            seen[sample.image]++;
        }
    }
    for (size_t i = 0; i < IMAGES; i++) { // other images are left out each time
        assert_true(seen[images.order[i]] > 20 && seen[images.order[i]] < 40);
    }
    sampler_free(&sampler);
}

static void test_lesion_only(void **state) {
    (void)state;
    const struct images images = make_images();
    struct sampler_options options = plain;
    options.lesion_only = true;
    struct sampler sampler = start(&options, &images);
    assert_int_equal(sampler.total, 5);
    for (uint64_t i = 0; i < sampler.total; i++) {
        assert_true(images.has_lesion[sampler_at(&sampler, i).image]);
    }
    sampler_free(&sampler);
}

// Each even batch has half lesions, and both lists are gone through evenly.
static void test_half(void **state) {
    (void)state;
    const struct images images = make_images();
    struct sampler_options options = plain;
    options.balance = 0.5;
    options.epochs = 0;
    options.samples = 2 * 5 * 18 * 6; // whole cycles of the 5 with a lesion and the 18 without
    struct sampler sampler = start(&options, &images);
    int seen[2 * IMAGES] = {0};
    assert_int_equal(sampler.total, options.samples);
    for (uint64_t i = 0; i < sampler.total; i += 6) {
        int lesions = 0;
        for (uint64_t j = i; j < i + 6; j++) {
            const uint32_t image = sampler_at(&sampler, j).image;
            lesions += images.has_lesion[image];
            seen[image]++;
        }
        assert_int_equal(lesions, 3);
    }
    for (size_t i = 0; i < IMAGES; i++) {
        const uint32_t image = images.order[i];
        assert_int_equal(seen[image], images.has_lesion[image] ? 18 * 6 : 5 * 6);
    }
    sampler_free(&sampler);
}

// floor(i * R) lesions before sample i, exactly, also where R has no exact binary form.
static void test_any_share(void **state) {
    (void)state;
    const struct images images = make_images();
    const unsigned tenths[] = {0, 1, 3, 7, 9, 10};
    for (size_t r = 0; r < sizeof tenths / sizeof *tenths; r++) {
        struct sampler_options options = plain;
        options.balance = tenths[r] / 10.0;
        options.samples = 1000;
        options.epochs = 0;
        struct sampler sampler = start(&options, &images);
        unsigned lesions = 0;
        for (unsigned i = 0; i < 1000; i++) {
            assert_int_equal(lesions, i * tenths[r] / 10);
            lesions += images.has_lesion[sampler_at(&sampler, i).image];
        }
        sampler_free(&sampler);
    }
}

// Shares that slide: as many lesions before sample i as the straight line says, at any count, and
// at both ends the shares that were asked for.
static void test_sliding_share(void **state) {
    (void)state;
    const struct images images = make_images();
    const struct {
        double first, last;
        uint64_t samples;
    } slides[] = {{0.8, 0.4, 1000}, {0.4, 0.8, 1000}, {1, 0, 999}, {0, 1, 7}, {0.3, 0.9, 1}};
    for (size_t k = 0; k < sizeof slides / sizeof *slides; k++) {
        struct sampler_options options = plain;
        options.balance = slides[k].first;
        options.balance_end = slides[k].last;
        options.epochs = 0;
        options.samples = slides[k].samples;
        struct sampler sampler = start(&options, &images);
        const double count = (double)options.samples;
        int seen[2 * IMAGES] = {0};
        unsigned lesions = 0;
        for (uint64_t i = 0; i < options.samples; i++) {
            const double step = (double)i;
            const double line = step * slides[k].first +
                                step * step * (slides[k].last - slides[k].first) / (2 * count);
            assert_true(lesions <= line + 1e-9 && lesions > line - 1 - 1e-9);
            const uint32_t image = sampler_at(&sampler, i).image;
            lesions += images.has_lesion[image];
            seen[image]++;
        }
        for (size_t i = 5; i < IMAGES; i += 5) { // the lists are gone through evenly
            assert_true(abs(seen[images.order[i]] - seen[images.order[0]]) <= 1);
        }
        sampler_free(&sampler);
    }
}

// Epochs of the first place's sampler: each image with a lesion once.
static void test_lesion_epochs(void **state) {
    (void)state;
    const struct images images = make_images(); // 5 with a lesion, 18 without
    const struct {
        double first, last;
        uint64_t epochs, batch, total;
    } cases[] = {{0.8, BALANCE_NONE, 1, 1, 7},  {0.5, BALANCE_NONE, 3, 1, 30},
                 {0.5, BALANCE_NONE, 3, 4, 28}, {1, BALANCE_NONE, 2, 1, 10},
                 {0.8, 0.4, 12, 1, 100},        {0, 1, 1, 1, 10}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct sampler_options options = plain;
        options.balance = cases[k].first;
        options.balance_end = cases[k].last;
        options.lesion_epochs = true;
        options.epochs = cases[k].epochs;
        options.batch = (size_t)cases[k].batch;
        struct sampler sampler = start(&options, &images);
        unsigned lesions = 0;
        assert_int_equal(sampler.total, cases[k].total);
        for (uint64_t i = 0; i < sampler.total; i++) {
            const struct sampler_pick pick = sampler_at(&sampler, i);
            assert_int_equal(pick.epoch, lesions / 5);
            lesions += images.has_lesion[pick.image];
        }
        assert_true(options.batch > 1 || lesions == 5 * options.epochs);
        sampler_free(&sampler);
    }
}

// A sampler that starts in the middle, or goes backwards, gives what one from the start gives.
static void test_any_position(void **state) {
    (void)state;
    const struct images images = make_images();
    for (int balanced = 0; balanced < 3; balanced++) {
        struct sampler_options options = plain;
        options.epochs = 5;
        options.batch = 4;
        options.balance = balanced ? 0.3 : BALANCE_NONE;
        options.balance_end = balanced == 2 ? 0.9 : BALANCE_NONE;
        struct sampler forward = start(&options, &images);
        struct sampler backward = start(&options, &images);
        uint32_t expected[5 * IMAGES];
        for (uint64_t i = 0; i < forward.total; i++) {
            expected[i] = sampler_at(&forward, i).image;
        }
        for (uint64_t i = backward.total; i-- > 0;) {
            assert_int_equal(sampler_at(&backward, i).image, expected[i]);
        }
        sampler_free(&forward);
        sampler_free(&backward);
    }
}

static void test_seed(void **state) {
    (void)state;
    const struct images images = make_images();
    struct sampler_options options = plain;
    struct sampler a = start(&options, &images);
    options.seed = 8;
    struct sampler b = start(&options, &images);
    int different = 0;
    for (uint64_t i = 0; i < a.total; i++) {
        different += sampler_at(&a, i).image != sampler_at(&b, i).image;
    }
    assert_true(different > IMAGES / 2);
    sampler_free(&a);
    sampler_free(&b);
}

static void test_totals(void **state) {
    (void)state;
    const struct images images = make_images();
    const struct {
        uint64_t epochs, samples, total;
    } cases[] = {
        {2, 0, 2 * IMAGES}, {2, 5, 5},          {2, 1000, 2 * IMAGES},
        {0, 1000, 1000},    {0, 0, UINT64_MAX}, {UINT64_MAX, 0, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sampler_options options = plain;
        options.epochs = cases[i].epochs;
        options.samples = cases[i].samples;
        struct sampler sampler = start(&options, &images);
        assert_true(sampler.total == cases[i].total);
        sampler_free(&sampler);
    }
}

static void refuse(const struct sampler_options *options, size_t count, const bool *has_lesion,
                   const char *why) {
    const uint32_t order[] = {0, 1, 2, 3};
    struct sampler sampler;
    struct error error = {{0}};
    assert_false(sampler_init(&sampler, options, order, count, has_lesion, &error));
    if (strstr(error.text, why) == NULL) {
        fail_msg("'%s' is not in '%s'", why, error.text);
    }
}

static void test_nothing_left(void **state) {
    (void)state;
    const bool none[4] = {false};
    const bool all[4] = {true, true, true, true};
    struct sampler_options options = plain;
    refuse(&options, 0, none, "no samples");
    options.batch = 5;
    refuse(&options, 4, none, "no samples: 4 images do not fill a batch of 5");
    options = plain;
    options.lesion_only = true;
    refuse(&options, 4, none, "no samples with a lesion");
    options = plain;
    options.balance = 0.5;
    refuse(&options, 4, none, "no samples with a lesion");
    refuse(&options, 4, all, "no samples without a lesion");
    const bool both[4] = {true};
    options.balance_end = 0.4;
    options.epochs = 0;
    refuse(&options, 4, both, "a share that slides needs an end");
    options.balance = 1;
    refuse(&options, 4, all, "no samples without a lesion");
    options.balance = options.balance_end = 0;
    options.lesion_epochs = true;
    refuse(&options, 4, both, "a share of 0 never goes through");
    options.balance = options.balance_end = 0.5;
    options.epochs = 1;
    options.batch = 4;
    refuse(&options, 4, both,
           "no samples: epochs of 1 images with a lesion do not fill a batch of 4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),     cmocka_unit_test(test_unshuffled),
        cmocka_unit_test(test_batches),       cmocka_unit_test(test_lesion_only),
        cmocka_unit_test(test_half),          cmocka_unit_test(test_any_share),
        cmocka_unit_test(test_sliding_share), cmocka_unit_test(test_lesion_epochs),
        cmocka_unit_test(test_any_position),  cmocka_unit_test(test_seed),
        cmocka_unit_test(test_totals),        cmocka_unit_test(test_nothing_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
