// One sample's crop, flip and resize, and the record that comes out.
#include "dataset/augmentation/augment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEIGHT 6
#define WIDTH 8

// ---- crops

static void test_crop_bounds(void **state) {
    (void)state;
    const struct {
        size_t height, width;
    } sizes[] = {{1024, 1000}, {9, 16}, {7, 8}, {1, 1}, {2, 3}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t height = sizes[s].height;
        const size_t width = sizes[s].width;
        for (uint64_t position = 0; position < 2000; position++) {
            const struct augment_crop crop = augment_draw_crop(3, position, height, width);
            assert_in_range(crop.height, 7 * height / 8, height);
            assert_in_range(crop.width, 7 * width / 8, width);
            assert_true(crop.height >= 1 && crop.width >= 1);
            assert_true(crop.top + crop.height <= height);
            assert_true(crop.left + crop.width <= width);
        }
    }
}

// All of 7/8 .. 1 and all corners come, about equally often; so does the flip; the draws of height,
// width and flip have nothing to do with each other.
static void test_crop_uniform(void **state) {
    (void)state;
    enum { DRAWS = 20000 };
    int heights[3] = {0};
    int pairs[3][3] = {{0}};
    int corners[3] = {0};
    int flips = 0;
    for (uint64_t position = 0; position < DRAWS; position++) {
        const struct augment_crop crop = augment_draw_crop(1, position, 16, 16); // 14, 15 or 16
        heights[crop.height - 14]++;
        pairs[crop.height - 14][crop.width - 14]++;
        corners[crop.top] += crop.height == 14;
        flips += crop.flipped;
    }
    assert_in_range(flips, DRAWS / 2 - 300, DRAWS / 2 + 300);
    for (int i = 0; i < 3; i++) {
        assert_in_range(heights[i], DRAWS / 3 - 300, DRAWS / 3 + 300);
        assert_in_range(corners[i], DRAWS / 9 - 200, DRAWS / 9 + 200);
        for (int j = 0; j < 3; j++) {
            assert_in_range(pairs[i][j], DRAWS / 9 - 200, DRAWS / 9 + 200);
        }
    }
}

static void test_crop_repeats(void **state) {
    (void)state;
    const struct augment_crop first = augment_draw_crop(11, 12345, 1024, 1024);
    int equal = 0;
    for (uint64_t position = 0; position < 100; position++) {
        const struct augment_crop other = augment_draw_crop(12, position, 1024, 1024);
        equal += other.height == first.height && other.top == first.top;
    }
    const struct augment_crop again = augment_draw_crop(11, 12345, 1024, 1024);
    assert_int_equal(again.top, first.top);
    assert_int_equal(again.left, first.left);
    assert_int_equal(again.height, first.height);
    assert_int_equal(again.width, first.width);
    assert_int_equal(again.flipped, first.flipped);
    assert_true(equal < 5);
}

// ---- samples

// A ramp, with a lesion at rows 1..2 of column 0 and row 0 of column 1.
struct sample {
    uint8_t pixels[HEIGHT * WIDTH];
    struct tensor image;
    struct value rows[2];
    struct field fields[3];
    struct record record;
};

static void make_sample(struct sample *sample) {
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) {
        sample->pixels[i] = (uint8_t)(5 * i);
    }
    sample->image = tensor_plane(DTYPE_U1, HEIGHT, WIDTH, sample->pixels);
    sample->rows[0] = value_text(text_of("1 2"));
    sample->rows[1] = value_text(text_of("2 1 3 1"));
    sample->fields[0] = (struct field){text_of("rle"), value_list(sample->rows, 2)};
    sample->fields[1] = (struct field){text_of("site"), value_integer(42)};
    sample->fields[2] = (struct field){text_of("image"), value_tensor(&sample->image)};
    sample->record = (struct record){text_of("x"), 3, sample->fields};
}

static const struct tensor *find(const struct augmented *out, const char *name) {
    const struct tensor *tensor = NULL;
    struct error error = {{0}};
    if (!record_tensor(&out->record, name, 2, &tensor, &error)) {
        fail_msg("%s", error.text);
    }
    return tensor;
}

static void run(const struct augment_rule *rule, uint64_t position, const struct sample *sample,
                struct augmented *out) {
    struct error error = {{0}};
    if (!augment_sample(rule, position, &sample->record, out, &error)) {
        fail_msg("%s", error.text);
    }
}

static void test_plain(void **state) {
    (void)state;
    const struct augment_rule rule = {.side = 8, .mask_side = 12, .plain = true};
    static struct augmented out;
    static struct sample sample;
    make_sample(&sample);
    run(&rule, 0, &sample, &out);
    assert_true(text_is(out.record.id, "x"));
    assert_int_equal(out.record.count, 5);
    const struct value *size = record_find(&out.record, "size");
    assert_non_null(size);
    assert_int_equal(size->list.items[0].integer, HEIGHT);
    assert_int_equal(size->list.items[1].integer, WIDTH);
    assert_ptr_equal(record_find(&out.record, "rle")->list.items, sample.rows);
    assert_int_equal(record_find(&out.record, "site")->integer, 42);
    assert_int_equal(find(&out, "image")->shape[0], 8);
    // The mask at 12 x 12: rows doubled (6 -> 12), columns floor(x * 8 / 12).
    const struct tensor *mask = find(&out, "mask");
    const uint8_t *pixels = mask->data;
    const size_t column[12] = {0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7};
    assert_int_equal(mask->shape[0], 12);
    for (size_t y = 0; y < 12; y++) {
        for (size_t x = 0; x < 12; x++) {
            const bool lesion =
                (column[x] == 0 && (y / 2 == 1 || y / 2 == 2)) || (column[x] == 1 && y / 2 == 0);
            assert_int_equal(pixels[y * 12 + x], lesion);
        }
    }
    augmented_free(&out);
}

// A sample without lesion after one with: nothing of the other's mask is left.
static void test_memory_is_reused(void **state) {
    (void)state;
    const struct augment_rule rule = {.side = 8, .mask_side = 12, .plain = true};
    static struct augmented out;
    static struct sample sample;
    const uint8_t zeros[12 * 12] = {0};
    make_sample(&sample);
    run(&rule, 0, &sample, &out);
    sample.fields[0].value = value_list(NULL, 0);
    run(&rule, 1, &sample, &out);
    assert_memory_equal(find(&out, "mask")->data, zeros, sizeof zeros);
    sample.fields[0].value = value_list(sample.rows, 1);
    run(&rule, 2, &sample, &out);
    assert_memory_not_equal(find(&out, "mask")->data, zeros, sizeof zeros);
    augmented_free(&out);
}

static void test_dilation(void **state) {
    (void)state;
    const struct augment_rule rule = {.side = 8, .mask_side = 8, .dilation = 3, .plain = true};
    static struct augmented out;
    static struct sample sample;
    make_sample(&sample);
    sample.image = tensor_plane(DTYPE_U1, 6, 8, sample.pixels);
    sample.rows[0] = value_text(text_of("20 1")); // row 2, column 3
    sample.fields[0].value = value_list(sample.rows, 1);
    run(&rule, 0, &sample, &out);
    const uint8_t *pixels = find(&out, "mask")->data;
    const size_t row[8] = {0, 0, 1, 2, 3, 3, 4, 5}; // floor(y * 6 / 8)
    for (size_t y = 0; y < 8; y++) {
        for (size_t x = 0; x < 8; x++) {
            assert_int_equal(pixels[y * 8 + x], row[y] >= 1 && row[y] <= 3 && x >= 2 && x <= 4);
        }
    }
    augmented_free(&out);
}

// Image and mask are cut alike: where every pixel of the image is the lesion's, so is the mask.
static void test_random(void **state) {
    (void)state;
    enum { SIDE = 64 };
    static uint8_t pixels[SIDE * SIDE];
    static struct augmented out;
    struct value row = value_text(text_of("650 50")); // column 10, rows 10 .. 59
    struct error error = {{0}};
    for (size_t y = 0; y < SIDE; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            pixels[y * SIDE + x] = x == 10 && y >= 10 && y < 60 ? 255 : 0;
        }
    }
    const struct tensor image = tensor_plane(DTYPE_U1, SIDE, SIDE, pixels);
    const struct field fields[] = {{text_of("image"), value_tensor(&image)},
                                   {text_of("rle"), value_list(&row, 1)}};
    const struct record record = {text_of("x"), 2, fields};
    for (uint64_t position = 0; position < 50; position++) {
        const struct augment_crop crop = augment_draw_crop(5, position, SIDE, SIDE);
        // At the crop's own size, nearest keeps every pixel.
        const struct augment_rule rule = {.seed = 5, .side = crop.width, .mask_side = crop.width};
        assert_true(augment_sample(&rule, position, &record, &out, &error));
        assert_null(record_find(&out.record, "rle"));
        assert_null(record_find(&out.record, "size"));
        const uint8_t *bright = find(&out, "image")->data;
        const uint8_t *mask = find(&out, "mask")->data;
        const size_t column = crop.flipped ? crop.width - 1 - (10 - crop.left) : 10 - crop.left;
        size_t lesion = 0;
        for (size_t i = 0; i < crop.width * crop.width; i++) {
            lesion += mask[i];
            assert_true(mask[i] == 0 || i % crop.width == column);
            assert_true(bright[i] == 0 || i % crop.width == column);
        }
        assert_in_range(lesion, 40, 60);
    }
    augmented_free(&out);
}

static void test_unlabelled(void **state) {
    (void)state;
    const struct augment_rule rule = {.side = 4, .mask_side = 4};
    static struct augmented out;
    static struct sample sample;
    make_sample(&sample);
    sample.record = (struct record){text_of("x"), 2, sample.fields + 1};
    run(&rule, 0, &sample, &out);
    assert_int_equal(out.record.count, 2);
    assert_null(record_find(&out.record, "mask"));
    augmented_free(&out);
}

static void refuse(const struct sample *sample, const char *why) {
    const struct augment_rule rule = {.side = 4, .mask_side = 4};
    static struct augmented out;
    struct error error = {{0}};
    assert_false(augment_sample(&rule, 0, &sample->record, &out, &error));
    if (strstr(error.text, why) == NULL || strncmp(error.text, "x: ", 3) != 0) {
        fail_msg("'%s' is not in '%s'", why, error.text);
    }
    augmented_free(&out);
}

static void test_refused(void **state) {
    (void)state;
    static struct sample sample;
    make_sample(&sample);
    sample.rows[1] = value_text(text_of("40 9"));
    refuse(&sample, "run 1 ends at pixel 49 of 48");
    make_sample(&sample);
    sample.rows[0] = value_integer(1);
    refuse(&sample, "'rle' is not a list of texts");
    make_sample(&sample);
    sample.fields[0].value = value_text(text_of("1 2"));
    refuse(&sample, "'rle' is not a list of texts");
    make_sample(&sample);
    sample.record.count = 2;
    refuse(&sample, "no 'image' in it");
    make_sample(&sample);
    sample.image = tensor_plane(DTYPE_U2, 2, 2, sample.pixels);
    refuse(&sample, "no pixels of type |u1");
    sample.image = tensor_plane(DTYPE_U1, 0, 8, sample.pixels);
    refuse(&sample, "no pixels of type |u1");
    sample.image = tensor_plane(DTYPE_U1, 1, 70000, sample.pixels);
    refuse(&sample, "too large");
    make_sample(&sample);
    sample.fields[1].name = text_of("mask");
    refuse(&sample, "augmented already");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crop_bounds),  cmocka_unit_test(test_crop_uniform),
        cmocka_unit_test(test_crop_repeats), cmocka_unit_test(test_plain),
        cmocka_unit_test(test_dilation),     cmocka_unit_test(test_memory_is_reused),
        cmocka_unit_test(test_random),       cmocka_unit_test(test_unlabelled),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
