// batch: what it holds of samples that tell their masks in different ways, and which it refuses.
#include "train/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEIGHT 2
#define WIDTH 3
#define PIXELS (HEIGHT * WIDTH)

// A sample and what its fields refer to.
struct input {
    uint8_t pixels[64];
    struct tensor image, mask;
    struct value rows[1], sides[2];
    struct field fields[3];
    struct record record;
};

static void add_field(struct input *input, const char *name, struct value value) {
    input->fields[input->record.count++] = (struct field){text_of(name), value};
    input->record.fields = input->fields;
}

// Pixels are `first`, first + 1, ...
static void set_image(struct input *input, const char *id, size_t height, size_t width,
                      uint8_t first) {
    *input = (struct input){.record = {.id = text_of(id)}};
    for (size_t i = 0; i < height * width; i++) {
        input->pixels[i] = (uint8_t)(first + i);
    }
    input->image = tensor_plane(DTYPE_U1, height, width, input->pixels);
    add_field(input, "image", value_tensor(&input->image));
}

static void add_mask(struct input *input, size_t height, size_t width, const uint8_t *mask) {
    input->mask = tensor_plane(DTYPE_U1, height, width, mask);
    add_field(input, "mask", value_tensor(&input->mask));
}

static void add_rle(struct input *input, const char *rle) {
    input->rows[0] = value_text(text_of(rle));
    add_field(input, "rle", value_list(input->rows, 1));
}

static void add_size(struct input *input, int64_t height, int64_t width) {
    input->sides[0] = value_integer(height);
    input->sides[1] = value_integer(width);
    add_field(input, "size", value_list(input->sides, 2));
}

static const uint8_t corner[PIXELS] = {0, 1, 0, 1, 0, 0};
static const uint8_t blank[PIXELS] = {0, 0, 0, 0, 0, 0};

static struct batch open_batch(const struct input *input, bool labelled) {
    struct batch batch;
    struct error error = {{0}};
    if (!batch_open(&batch, 3, &input->record, labelled, &error)) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(batch.count, 0);
    return batch;
}

static void put(struct batch *batch, const struct input *input) {
    struct error error = {{0}};
    if (!batch_add(batch, &input->record, &error)) {
        fail_msg("%s", error.text);
    }
}

static void images_and_masks_lie_in_order(void **state) {
    (void)state;
    static const uint8_t images[3 * PIXELS] = {10, 11, 12, 13, 14, 15, 20, 21, 22,
                                               23, 24, 25, 30, 31, 32, 33, 34, 35};
    struct input with_mask;
    struct input with_runs;
    struct input without_lesion;
    set_image(&with_mask, "a", HEIGHT, WIDTH, 10);
    add_mask(&with_mask, HEIGHT, WIDTH, corner);
    set_image(&with_runs, "b", HEIGHT, WIDTH, 20);
    add_rle(&with_runs, "1 2"); // down the columns: the same pixels
    set_image(&without_lesion, "c", HEIGHT, WIDTH, 30);
    add_rle(&without_lesion, "-1");
    struct batch batch = open_batch(&with_mask, true);
    memset(batch.masks, 7, 3 * PIXELS);
    put(&batch, &with_mask);
    put(&batch, &with_runs);
    put(&batch, &without_lesion);
    assert_int_equal(batch.count, 3);
    assert_int_equal(batch.height, HEIGHT);
    assert_int_equal(batch.width, WIDTH);
    assert_memory_equal(batch.images, images, sizeof images);
    assert_memory_equal(batch.masks, corner, PIXELS);
    assert_memory_equal(batch.masks + PIXELS, corner, PIXELS);
    assert_memory_equal(batch.masks + (size_t)2 * PIXELS, blank, PIXELS);
    batch.count = 0;
    put(&batch, &without_lesion);
    assert_int_equal(batch.count, 1);
    assert_memory_equal(batch.images, without_lesion.pixels, PIXELS);
    assert_memory_equal(batch.masks, blank, PIXELS);
    batch_free(&batch);
}

// Run lengths refer to `size`; a mask's sides may be four times those of its image.
static void masks_have_a_size_of_their_own(void **state) {
    (void)state;
    struct input input;
    set_image(&input, "a", 1, 2, 0);
    add_rle(&input, "5 3");
    add_size(&input, 4, 3);
    static const uint8_t want[] = {0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0};
    struct batch batch = open_batch(&input, true);
    put(&batch, &input);
    assert_int_equal(batch.height, 1);
    assert_int_equal(batch.width, 2);
    assert_int_equal(batch.mask_height, 4);
    assert_int_equal(batch.mask_width, 3);
    assert_memory_equal(batch.masks, want, sizeof want);
    batch_free(&batch);
}

static void unlabelled_samples_need_no_mask(void **state) {
    (void)state;
    struct input input;
    set_image(&input, "a", HEIGHT, WIDTH, 40);
    struct batch batch = open_batch(&input, false);
    put(&batch, &input);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.mask_height, 0);
    assert_int_equal(batch.mask_width, 0);
    assert_memory_equal(batch.images, input.pixels, PIXELS);
    batch_free(&batch);
}

static void check_not_opened(const struct input *input, const char *want) {
    struct batch batch;
    struct error error = {{0}};
    assert_false(batch_open(&batch, 3, &input->record, true, &error));
    assert_string_equal(error.text, want);
    batch_free(&batch);
}

static void first_samples_that_are_refused(void **state) {
    (void)state;
    static const uint8_t large[10] = {0};
    struct input input;
    set_image(&input, "x", HEIGHT, WIDTH, 0);
    check_not_opened(&input, "x: has neither 'mask' nor 'rle' to learn from");
    add_rle(&input, "4 3");
    struct batch batch;
    struct error error;
    assert_false(batch_open(&batch, 3, &input.record, true, &error)); // 4 + 3 of 6 pixels
    batch_free(&batch);
    set_image(&input, "x", 1, 2, 0);
    add_mask(&input, 5, 2, large);
    check_not_opened(&input, "x: a mask of 5 x 2 for an image of 1 x 2: above 4 times its sides");
    set_image(&input, "x", 2, 1, 0);
    add_mask(&input, 2, 5, large);
    check_not_opened(&input, "x: a mask of 2 x 5 for an image of 2 x 1: above 4 times its sides");
    set_image(&input, "x", HEIGHT, WIDTH, 0);
    add_mask(&input, 0, 3, large);
    check_not_opened(&input, "x: 'mask' holds no bytes of 0 and 1");
    set_image(&input, "x", HEIGHT, WIDTH, 0);
    add_mask(&input, 1, 2, large);
    input.mask = tensor_plane(DTYPE_U2, 1, 2, large);
    check_not_opened(&input, "x: 'mask' holds no bytes of 0 and 1");
}

static void check_not_added(struct batch *batch, const struct input *input, const char *want) {
    struct error error = {{0}};
    const size_t count = batch->count;
    assert_false(batch_add(batch, &input->record, &error));
    assert_string_equal(error.text, want);
    assert_int_equal(batch->count, count);
}

// A sample that is refused leaves the batch as it was, and the next one takes its place.
static void later_samples_that_are_refused(void **state) {
    (void)state;
    static const uint8_t two[PIXELS] = {0, 1, 0, 2, 0, 0};
    struct input good;
    struct input bad;
    set_image(&good, "good", HEIGHT, WIDTH, 50);
    add_mask(&good, HEIGHT, WIDTH, corner);
    struct batch batch = open_batch(&good, true);
    put(&batch, &good);
    set_image(&bad, "bad", WIDTH, HEIGHT, 60);
    add_mask(&bad, HEIGHT, WIDTH, corner);
    check_not_added(&batch, &bad, "bad: an image of 3 x 2 among others of 2 x 3; see augment");
    set_image(&bad, "bad", 1, WIDTH, 60);
    check_not_added(&batch, &bad, "bad: an image of 1 x 3 among others of 2 x 3; see augment");
    set_image(&bad, "bad", HEIGHT, 4, 60);
    check_not_added(&batch, &bad, "bad: an image of 2 x 4 among others of 2 x 3; see augment");
    set_image(&bad, "bad", HEIGHT, WIDTH, 60);
    check_not_added(&batch, &bad, "bad: has neither 'mask' nor 'rle' to learn from");
    add_mask(&bad, 1, WIDTH, corner);
    check_not_added(&batch, &bad, "bad: a mask of 1 x 3 among others of 2 x 3");
    set_image(&bad, "bad", HEIGHT, WIDTH, 60);
    add_mask(&bad, HEIGHT, 2, corner);
    check_not_added(&batch, &bad, "bad: a mask of 2 x 2 among others of 2 x 3");
    set_image(&bad, "bad", HEIGHT, WIDTH, 60);
    add_mask(&bad, HEIGHT, WIDTH, two);
    check_not_added(&batch, &bad, "bad: 'mask' holds 2, not 0 and 1 only");
    set_image(&good, "good", HEIGHT, WIDTH, 70);
    add_rle(&good, "-1");
    put(&batch, &good);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.images[0], 50);
    assert_int_equal(batch.images[PIXELS], 70);
    assert_memory_equal(batch.masks, corner, PIXELS);
    assert_memory_equal(batch.masks + PIXELS, blank, PIXELS);
    batch_free(&batch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_and_masks_lie_in_order),
        cmocka_unit_test(masks_have_a_size_of_their_own),
        cmocka_unit_test(unlabelled_samples_need_no_mask),
        cmocka_unit_test(first_samples_that_are_refused),
        cmocka_unit_test(later_samples_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
