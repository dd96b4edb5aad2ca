// ensemble: means rounded once, the rules by which records are merged, masks, the area threshold.
#include "challenge/ensemble.h"

#include "challenge/merge.h"
#include "core/numbers/fp16.h"
#include "core/numbers/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct tensor row(enum dtype type, size_t length, const void *data) {
    return tensor_plane(type, 1, length, data);
}

// The half that is nearest to a number between halves that are not negative; ties to even.
static uint16_t nearest_half(double number) {
    uint16_t low = 0;
    while ((double)fp16_to_float((uint16_t)(low + 1)) <= number) {
        low++;
    }
    const double below = number - (double)fp16_to_float(low);
    const double above = (double)fp16_to_float((uint16_t)(low + 1)) - number;
    return (uint16_t)(low + (below > above || (below == above && low % 2 != 0)));
}

// Means of a few halves, next to each other or far apart, against the exact mean rounded once; at
// every count around a block's end, without alignment.
static void test_mean_of_halves(void **state) {
    (void)state;
    enum { STREAMS = 7, MAX_LENGTH = 2051 };
    struct random random = random_seed(3, 0, 0);
    unsigned char bytes[STREAMS][2 * MAX_LENGTH + 1];
    unsigned char mean[2 * MAX_LENGTH + 1];
    const double weights[STREAMS] = {1, 1, 1, 1, 1, 1, 1};
    struct tensor tensors[STREAMS];
    const struct tensor *inputs[STREAMS];
    const size_t lengths[] = {0, 1, 1023, 1024, 1025, MAX_LENGTH};
    for (size_t k = 0; k < STREAMS; k++) {
        for (size_t i = 0; i < MAX_LENGTH; i++) {
            const uint16_t half = (uint16_t)(i % 2 == 0 ? 0x3800 + random_below(&random, 8)
                                                        : random_below(&random, 0x3C01));
            memcpy(bytes[k] + 1 + 2 * i, &half, 2);
        }
        inputs[k] = &tensors[k];
    }
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        for (size_t k = 0; k < STREAMS; k++) {
            tensors[k] = row(DTYPE_F2, lengths[l], bytes[k] + 1);
        }
        ensemble_mean(inputs, weights, STREAMS, DTYPE_F2, mean + 1);
        for (size_t i = 0; i < lengths[l]; i++) {
            double sum = 0;
            uint16_t half;
            for (size_t k = 0; k < STREAMS; k++) {
                memcpy(&half, bytes[k] + 1 + 2 * i, 2);
                sum += (double)fp16_to_float(half);
            }
            memcpy(&half, mean + 1 + 2 * i, 2);
            assert_int_equal(half, nearest_half(sum / STREAMS));
        }
    }
}

// Just above a tie between two halves, by less than a float can tell.
static void test_rounds_once(void **state) {
    (void)state;
    const double numbers[] = {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-11, 1 + 3 * 0x1p-11 - 0x1p-40,
                              0x1p-25 + 0x1p-60,     65519.9999,  INFINITY,
                              -1 - 0x1p-11 - 0x1p-40};
    const uint16_t halves[] = {0x3C01, 0x3C00, 0x3C01, 0x0001, 0x7BFF, 0x7C00, 0xBC01};
    const double weight = 1;
    uint16_t mean[7];
    const struct tensor tensor = row(DTYPE_F8, 7, numbers);
    const struct tensor *input = &tensor;
    ensemble_mean(&input, &weight, 1, DTYPE_F2, mean);
    assert_memory_equal(mean, halves, sizeof halves);
}

static void test_weights_and_types(void **state) {
    (void)state;
    const uint16_t halves[] = {0x3800, 0x3C00}; // 0.5, 1
    const float floats[] = {0.1f, 3};
    const double doubles[] = {0.7, -1e-300};
    const struct tensor tensors[] = {row(DTYPE_F2, 2, halves), row(DTYPE_F4, 2, floats),
                                     row(DTYPE_F8, 2, doubles)};
    const struct tensor *inputs[] = {&tensors[0], &tensors[1], &tensors[2]};
    const double weights[] = {0.3, 2, 1.7};
    double mean[2];
    float mean_float[2];
    ensemble_mean(inputs, weights, 3, DTYPE_F8, mean);
    for (size_t i = 0; i < 2; i++) {
        double sum = 0.3 * (i == 0 ? 0.5 : 1.0);
        sum += 2 * (double)floats[i];
        sum += 1.7 * doubles[i];
        assert_true(mean[i] == sum / (0.3 + 2 + 1.7));
    }
    ensemble_mean(inputs, weights, 3, DTYPE_F4, mean_float);
    assert_true(mean_float[0] == (float)mean[0] && mean_float[1] == (float)mean[1]);
}

// ---- records

struct merging {
    struct merge *merge;
    float numbers[2][4];
    unsigned char bytes[2][4];
    struct tensor floats[2], planes[2];
    struct field fields[2][4];
    struct record inputs[2];
};

// Two records alike but for their numbers: p (float 2 x 2), m (bytes 2 x 2), t (text), n (integer).
static int set_up(void **state) {
    static const char *const names[] = {"a.mpk", "b.mpk"};
    static const double weights[] = {1, 1};
    struct merging *merging = calloc(1, sizeof *merging);
    assert_non_null(merging);
    merging->merge = calloc(1, sizeof *merging->merge);
    assert_non_null(merging->merge);
    merging->merge->count = 2;
    merging->merge->names = names;
    merging->merge->weights = weights;
    merging->merge->type = DTYPE_COUNT;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 4; i++) {
            merging->numbers[k][i] = (float)(i + 10 * k);
            merging->bytes[k][i] = (unsigned char)i;
        }
        merging->floats[k] = tensor_plane(DTYPE_F4, 2, 2, merging->numbers[k]);
        merging->planes[k] = tensor_plane(DTYPE_U1, 2, 2, merging->bytes[k]);
        const struct field fields[] = {
            {text_of("p"), value_tensor(&merging->floats[k])},
            {text_of("m"), value_tensor(&merging->planes[k])},
            {text_of("t"), value_text(text_of(names[k]))},
            {text_of("n"), value_integer((int64_t)k)},
        };
        memcpy(merging->fields[k], fields, sizeof fields);
        merging->inputs[k] = (struct record){text_of("x"), 4, merging->fields[k]};
    }
    *state = merging;
    return 0;
}

static int tear_down(void **state) {
    struct merging *merging = *state;
    merge_free(merging->merge);
    free(merging->merge);
    free(merging);
    return 0;
}

static void test_merge(void **state) {
    struct merging *merging = *state;
    struct error error;
    const struct tensor *tensor = NULL;
    const float means[] = {5, 6, 7, 8};
    struct field *second = merging->fields[1]; // the order of the others does not matter
    const struct field first = second[0];
    second[0] = second[3];
    second[3] = first;
    assert_true(merge_records(merging->merge, merging->inputs, 1, &error));
    const struct record *record = &merging->merge->record;
    assert_true(text_is(record->id, "x"));
    assert_int_equal(record->count, 4);
    assert_true(record_tensor(record, "p", 2, &tensor, &error));
    assert_int_equal(tensor->type, DTYPE_F4);
    assert_memory_equal(tensor->data, means, sizeof means);
    assert_true(record_tensor(record, "m", 2, &tensor, &error));
    assert_memory_equal(tensor->data, merging->bytes[0], 4);
    assert_true(text_is(record_find(record, "t")->text, "a.mpk"));
    assert_int_equal(record_find(record, "n")->integer, 0);
    merging->merge->type = DTYPE_F8;
    assert_true(merge_records(merging->merge, merging->inputs, 2, &error));
    assert_true(record_tensor(&merging->merge->record, "p", 2, &tensor, &error));
    assert_int_equal(tensor->type, DTYPE_F8);
    assert_int_equal(tensor->bytes, 32);
    assert_true(((const double *)tensor->data)[3] == 8);
}

static void test_merge_deviation(void **state) {
    struct merging *merging = *state;
    struct error error;
    const struct tensor *tensor = NULL;
    const float deviations[] = {5, 5, 5, 5};
    merging->merge->deviation = true;
    assert_true(merge_records(merging->merge, merging->inputs, 1, &error));
    assert_true(record_tensor(&merging->merge->record, "p", 2, &tensor, &error));
    assert_memory_equal(tensor->data, deviations, sizeof deviations);
    assert_true(record_tensor(&merging->merge->record, "m", 2, &tensor, &error));
    assert_memory_equal(tensor->data, merging->bytes[0], 4);
}

static void expect_refused(struct merging *merging, const char *words) {
    struct error error = {""};
    assert_false(merge_records(merging->merge, merging->inputs, 7, &error));
    assert_string_equal(error.text, words);
}

static void test_merge_refuses(void **state) {
    struct merging *merging = *state;
    const struct tensor whole = merging->floats[1];
    merging->inputs[1].id = text_of("y");
    expect_refused(merging,
                   "b.mpk: record 7 is 'y', and 'x' in a.mpk: the streams are out of step");
    merging->inputs[1].id = text_of("x");
    merging->floats[1] = tensor_plane(DTYPE_F4, 1, 4, merging->numbers[1]);
    expect_refused(merging, "b.mpk: x: 'p' is <f4 1 x 4, and <f4 2 x 2 in a.mpk");
    merging->floats[1] = merging->planes[1];
    expect_refused(merging, "b.mpk: x: 'p' is |u1 2 x 2, and <f4 2 x 2 in a.mpk");
    merging->floats[1] = whole;
    merging->bytes[1][3] ^= 1;
    expect_refused(merging, "b.mpk: x: 'm' has other values than in a.mpk");
    merging->bytes[1][3] ^= 1;
    merging->numbers[1][2] = NAN;
    expect_refused(merging, "b.mpk: x: 'p' holds a number that is not finite");
    merging->numbers[1][2] = -INFINITY;
    expect_refused(merging, "b.mpk: x: 'p' holds a number that is not finite");
    merging->numbers[1][2] = 140000; // whose mean with 2 is above every half
    merging->merge->type = DTYPE_F2;
    expect_refused(merging, "x: the mean of 'p' is too large");
    merging->numbers[0][2] = -140000;
    merging->merge->deviation = true;
    expect_refused(merging, "x: the deviation of 'p' is too large");
    merging->numbers[0][2] = 2;
    merging->numbers[1][2] = 2;
    merging->fields[1][1].value = value_integer(4);
    expect_refused(merging, "b.mpk: x: no tensor 'm', which a.mpk has");
    merging->inputs[1].count = 0;
    expect_refused(merging, "b.mpk: x: no tensor 'p', which a.mpk has");
}

static void test_merge_pass(void **state) {
    struct merging *merging = *state;
    struct error error;
    assert_true(merge_pass(merging->merge, &merging->inputs[0], &error));
    merging->numbers[0][3] = INFINITY;
    assert_false(merge_pass(merging->merge, &merging->inputs[0], &error));
    assert_string_equal(error.text, "a.mpk: x: 'p' holds a number that is not finite");
}

static void test_merge_takes_from_first(void **state) {
    struct merging *merging = *state;
    struct error error;
    merging->merge->from_first = "x";
    merging->inputs[1].count = 0;
    assert_true(merge_records(merging->merge, merging->inputs, 1, &error));
    assert_int_equal(merging->merge->record.count, 4);
    assert_ptr_equal(merging->merge->record.fields[0].value.tensor, &merging->floats[0]);
    merging->numbers[0][0] = NAN;
    expect_refused(merging, "a.mpk: x: 'p' holds a number that is not finite");
}

// ---- masks and areas

static void expect_mask(const struct record *record, const unsigned char *pixels,
                        bool probability) {
    struct image mask = {.pixels = NULL};
    struct error error = {""};
    for (int round = 0; round < 2; round++) { // the second finds memory of the right size
        const bool found = probability ? mask_from_probability(record, 0.5, &mask, &error)
                                       : mask_from_sample(record, &mask, &error);
        assert_string_equal(error.text, "");
        assert_true(found);
        assert_memory_equal(mask.pixels, pixels, 4);
    }
    image_free(&mask);
}

static void test_masks(void **state) {
    (void)state;
    const uint16_t halves[] = {0x3800, 0x3801, 0x8000, 0x3C00}; // 0.5, next above, -0, 1
    const float floats[] = {0.5f, nextafterf(0.5f, 1), -0.0f, 1};
    const double doubles[] = {0.5, nextafter(0.5, 1), -0.0, 1};
    unsigned char bytes[] = {0, 1, 0, 1};
    const unsigned char pixels[] = {0, 1, 0, 1};
    const void *const data[] = {[DTYPE_F2] = halves, [DTYPE_F4] = floats, [DTYPE_F8] = doubles};
    struct image mask = {.pixels = NULL};
    struct error error;
    for (enum dtype type = DTYPE_F2; type <= DTYPE_F8; type++) {
        const struct tensor tensor = tensor_plane(type, 2, 2, data[type]);
        const struct field field = {text_of("probability"), value_tensor(&tensor)};
        expect_mask(&(struct record){text_of("x"), 1, &field}, pixels, true);
    }
    struct tensor tensor = tensor_plane(DTYPE_U1, 2, 2, bytes);
    const struct field field = {text_of("mask"), value_tensor(&tensor)};
    const struct record record = {text_of("x"), 1, &field};
    expect_mask(&record, pixels, false);
    assert_false(mask_from_probability(&record, 0.5, &mask, &error));
    assert_string_equal(error.text, "x: no 'probability' in it");
    tensor = tensor_plane(DTYPE_F4, 2, 2, floats);
    assert_false(mask_from_sample(&record, &mask, &error));
    assert_string_equal(error.text, "x: 'mask' is <f4, and must be |u1");
    bytes[3] = 200;
    tensor = tensor_plane(DTYPE_U1, 2, 2, bytes);
    assert_false(mask_from_sample(&record, &mask, &error));
    assert_string_equal(error.text, "x: 'mask' holds 200, not 0 and 1 only");
    tensor = tensor_plane(DTYPE_U1, 0, 2, bytes);
    assert_false(mask_from_sample(&record, &mask, &error));
    tensor = tensor_plane(DTYPE_U1, 0, 0, bytes); // the size of a mask that is not there yet
    assert_false(mask_from_sample(&record, &mask, &error));
    assert_string_equal(error.text, "x: an image of 0 x 0 has no pixels");
    image_free(&mask);
}

// The number stands behind 2000 that are finite, so in a block that is not the first.
static void expect_not_finite(double number) {
    static double doubles[2001];
    static float floats[2001];
    static uint16_t halves[2001];
    const void *const data[] = {[DTYPE_F2] = halves, [DTYPE_F4] = floats, [DTYPE_F8] = doubles};
    struct image mask = {.pixels = NULL};
    struct error error;
    doubles[2000] = number;
    floats[2000] = (float)number;
    fp16_write(halves, floats, 2001);
    for (enum dtype type = DTYPE_F2; type <= DTYPE_F8; type++) {
        const struct tensor tensor = tensor_plane(type, 1, 2001, data[type]);
        const struct field field = {text_of("probability"), value_tensor(&tensor)};
        const struct record record = {text_of("x"), 1, &field};
        assert_false(mask_from_probability(&record, 0.5, &mask, &error));
        assert_string_equal(error.text, "x: 'probability' holds a number that is not finite");
    }
    image_free(&mask);
}

static void test_not_finite(void **state) {
    (void)state;
    expect_not_finite((double)NAN);
    expect_not_finite((double)-NAN);
    expect_not_finite((double)INFINITY);
    expect_not_finite((double)-INFINITY);
}

static void expect_threshold(double ratio, int64_t threshold) {
    int64_t areas[] = {0, 40, 10, 30, 30, 20, 0, 0, 50, 30}; // 50 40 30 30 30 20 10 0 0 0
    assert_int_equal(ensemble_area_threshold(areas, 10, ratio), threshold);
}

static void test_area_threshold(void **state) {
    (void)state;
    expect_threshold(0, 50);
    expect_threshold(0.1, 40);
    expect_threshold(0.29, 30);
    expect_threshold(0.3, 30);
    expect_threshold(0.5, 20);
    expect_threshold(0.9, 0);
    expect_threshold(1, 0);
    int64_t full[] = {5, 5};
    assert_int_equal(ensemble_area_threshold(full, 2, 1), 0);
    assert_int_equal(ensemble_area_threshold(full, 0, 0.5), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_of_halves),
        cmocka_unit_test(test_rounds_once),
        cmocka_unit_test(test_weights_and_types),
        cmocka_unit_test_setup_teardown(test_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merge_deviation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merge_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merge_takes_from_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merge_pass, set_up, tear_down),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_area_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
