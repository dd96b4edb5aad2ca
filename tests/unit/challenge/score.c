// score: the scores' formulas, the bootstrap, unions of label rows, and submissions against masks
// counted pixel by pixel.
#include "challenge/submission.h"
#include "core/numbers/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_dice(void **state) {
    (void)state;
    assert_true(overlap_dice((struct overlap){0, 0, 0, 9}) == 1.0);
    assert_true(overlap_dice((struct overlap){3, 0, 0, 9}) == 0.0);
    assert_true(overlap_dice((struct overlap){0, 3, 0, 9}) == 0.0);
    assert_true(overlap_dice((struct overlap){3, 1, 1, 9}) == 0.5);
    assert_true(overlap_dice((struct overlap){7, 7, 7, 9}) == 1.0);
}

static void test_scores(void **state) {
    (void)state;
    const struct overlap overlaps[] = {
        {0, 0, 0, 100},  {0, 5, 0, 100}, {0, 0, 0, 90},  {0, 0, 0, 110}, // sizes of their own
        {10, 6, 4, 150}, {8, 0, 0, 50},  {3, 3, 3, 100}, {2, 4, 0, 100}};
    const struct scores scores = score_images(overlaps, 8, 2.5);
    assert_int_equal(scores.images, 8);
    assert_int_equal(scores.empty, 4);
    assert_int_equal(scores.lesion, 4);
    assert_true(scores.dice == (3.0 + (0.5 + 0.0 + 1.0 + 0.0)) / 8);
    assert_true(scores.dice_empty == 0.75);
    assert_true(scores.dice_lesion == 1.5 / 4);
    assert_true(scores.accuracy_empty == 0.75);
    assert_true(scores.accuracy_lesion == 0.75);
    assert_true(scores.accuracy == (3.0 + 2.5 * 3.0) / 8);
    // Lesion: 23 true, 18 predicted, 7 both, 34 either; background: 766 both, 793 either.
    assert_true(scores.mean_iou == (766.0 / 793.0 + 7.0 / 34.0) / 2);
}

static void test_one_sided(void **state) {
    (void)state;
    const struct overlap empty[] = {{0, 0, 0, 4}, {0, 0, 0, 4}};
    const struct overlap full[] = {{4, 4, 4, 4}};
    struct scores scores = score_images(empty, 2, 1);
    assert_true(scores.dice == 1 && scores.dice_empty == 1 && scores.dice_lesion == 0);
    assert_true(scores.accuracy == 1 && scores.accuracy_lesion == 0);
    assert_true(scores.mean_iou == 1);
    scores = score_images(full, 1, 1);
    assert_true(scores.dice == 1 && scores.dice_empty == 0 && scores.dice_lesion == 1);
    assert_true(scores.mean_iou == 1);
}

// 100 images, half of them 1: the mean's standard deviation is 0.05, the interval's ends lie 1.96
// of them off.
static void test_interval(void **state) {
    (void)state;
    struct overlap overlaps[100];
    struct interval interval;
    struct interval again;
    struct error error;
    for (size_t i = 0; i < 100; i++) {
        overlaps[i] = (struct overlap){1, 1, i % 2, 9};
    }
    assert_true(score_interval(overlaps, 100, &(struct bootstrap){2000, 1}, &interval, &error));
    assert_true(fabs(interval.low - (0.5 - 1.96 * 0.05)) < 0.02);
    assert_true(fabs(interval.high - (0.5 + 1.96 * 0.05)) < 0.02);
    assert_true(score_interval(overlaps, 100, &(struct bootstrap){2000, 1}, &again, &error));
    assert_memory_equal(&interval, &again, sizeof interval);
    assert_true(score_interval(overlaps, 100, &(struct bootstrap){50, 2}, &again, &error));
    assert_memory_not_equal(&interval, &again, sizeof interval);
    assert_true(score_interval(overlaps, 1, &(struct bootstrap){1, 0}, &interval, &error));
    assert_true(interval.low == 0 && interval.high == 0);
}

// ---- against pixels

enum { HEIGHT = 13, WIDTH = 9, PIXELS = HEIGHT * WIDTH, IMAGES = 40, ROWS = 3 };

struct trial {
    unsigned char truth[IMAGES][PIXELS], prediction[IMAGES][PIXELS]; // column-major
};

// Some runs at random places, as text and in `pixels`; "-1" at times.
static void random_row(struct random *random, unsigned char *pixels, char *text) {
    size_t index = 0;
    size_t end = 0;
    text[0] = 0;
    for (size_t run = random_below(random, 5); run > 0; run--) {
        const size_t start = index + random_below(random, 30);
        const size_t length = 1 + random_below(random, 20);
        if (start + length > PIXELS) {
            break;
        }
        sprintf(text + strlen(text), "%s%zu %zu", end > 0 ? " " : "", start - end, length);
        memset(pixels + start, 1, length);
        index = end = start + length;
    }
    if (text[0] == 0) {
        strcpy(text, "-1");
    }
}

static void write_trial(struct trial *trial, const char *truth, const char *submission) {
    struct random random = random_seed(5, 0, 0);
    char text[200];
    FILE *file = fopen(truth, "w");
    assert_non_null(file);
    fprintf(file, "ImageId, EncodedPixels\n");
    for (size_t row = 0; row < ROWS; row++) { // an image's rows lie far apart
        for (size_t i = 0; i < IMAGES; i++) {
            if (row == 0 || random_below(&random, 3) == 0) {
                random_row(&random, trial->truth[i], text);
                fprintf(file, "id%zu, %s\n", i, text);
            }
        }
    }
    fclose(file);
    file = fopen(submission, "w");
    assert_non_null(file);
    fprintf(file, "ImageId,EncodedPixels\n");
    for (size_t i = IMAGES; i-- > 0;) {
        random_row(&random, trial->prediction[i], text);
        fprintf(file, "id%zu,%s\n", i, text);
    }
    fclose(file);
}

static void temporary(char *path) {
    strcpy(path, "/tmp/pleura-score-XXXXXX");
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
}

static void test_against_pixels(void **state) {
    (void)state;
    char truth_path[40];
    char path[40];
    struct error error = {""};
    struct overlap overlaps[IMAGES];
    struct trial *trial = calloc(1, sizeof *trial);
    struct labels truth = {.name = NULL};
    const struct submission_sizes sizes = {.images = {.height = HEIGHT, .width = WIDTH}};
    const struct submission_scores scores = {.overlaps = overlaps};
    assert_non_null(trial);
    temporary(truth_path);
    temporary(path);
    write_trial(trial, truth_path, path);
    assert_true(labels_read(&truth, truth_path, true, &error));
    const bool compared = submission_compare(&truth, path, &sizes, &scores, &error);
    assert_string_equal(error.text, "");
    assert_true(compared);
    for (size_t i = 0; i < IMAGES; i++) {
        struct overlap counted = {.pixels = PIXELS};
        for (size_t p = 0; p < PIXELS; p++) {
            counted.truth += trial->truth[i][p];
            counted.prediction += trial->prediction[i][p];
            counted.both += trial->truth[i][p] & trial->prediction[i][p];
        }
        assert_memory_equal(&overlaps[i], &counted, sizeof counted);
    }
    labels_free(&truth);
    unlink(truth_path);
    unlink(path);
    free(trial);
}

// ---- wrong submissions

static void expect_refused(const char *submission, const char *words) {
    char truth_path[40];
    char path[40];
    struct error error = {""};
    struct overlap overlaps[3];
    struct labels truth = {.name = NULL};
    const struct submission_sizes sizes = {.images = {.height = HEIGHT, .width = WIDTH}};
    const struct submission_scores scores = {.overlaps = overlaps};
    temporary(truth_path);
    temporary(path);
    FILE *file = fopen(truth_path, "w");
    fputs("ImageId,EncodedPixels\na,1 2\nb,-1\na,90 9\nc,3 110 50 1\n", file);
    fclose(file);
    file = fopen(path, "w");
    fprintf(file, "ImageId,EncodedPixels\n%s", submission);
    fclose(file);
    assert_true(labels_read(&truth, truth_path, true, &error));
    assert_false(submission_compare(&truth, path, &sizes, &scores, &error));
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", error.text, words);
    }
    labels_free(&truth);
    unlink(truth_path);
    unlink(path);
}

static void test_refused(void **state) {
    (void)state;
    expect_refused("a,-1\n", "2 ids of the truth missing (the first: 'b')");
    expect_refused("b,-1\nx,-1\na,1 1\ny,-1\n",
                   "2 ids that the truth lacks (the first: 'x' in line 3)");
    expect_refused("a,-1\nb,-1\na,1 1\n", "1 id more than once (the first: 'a' in line 4)");
    expect_refused("a,117 1\n", "line 2: a: ");
    expect_refused("b,-1\na,3 4 5\n", "line 3: a: ");
    expect_refused("c,-1\n", "line 5: c: ");
    expect_refused("a,\n", "line 2: a: no run lengths");
}

static void test_sizes(void **state) {
    (void)state;
    const char *const wrong[] = {"",      "x",     "5",    "5x",      "x5",          "0x5", "5x0",
                                 "5x5x5", "5 x 5", "-5x5", "65536x1", "65535x65535", "5x5 "};
    struct error error;
    size_t height = 0;
    size_t width = 0;
    assert_true(labels_parse_size("768x1024", &height, &width, &error));
    assert_int_equal(height, 768);
    assert_int_equal(width, 1024);
    assert_true(labels_parse_size("1x65535", &height, &width, &error));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(labels_parse_size(wrong[i], &height, &width, &error));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dice),           cmocka_unit_test(test_scores),
        cmocka_unit_test(test_one_sided),      cmocka_unit_test(test_interval),
        cmocka_unit_test(test_against_pixels), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
