// sample: how large a mask a sample may ask for before anything of it is made.
#include "dataset/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A sample without a lesion whose run lengths refer to so many rows and columns.
static bool read_sized(int64_t height, int64_t width, struct sample_mask *mask,
                       struct error *error) {
    static const uint8_t pixels[4] = {1, 2, 3, 4};
    const struct tensor image = tensor_plane(DTYPE_U1, 2, 2, pixels);
    const struct value sides[] = {value_integer(height), value_integer(width)};
    const struct field fields[] = {{text_of("image"), value_tensor(&image)},
                                   {text_of("rle"), value_list(NULL, 0)},
                                   {text_of("size"), value_list(sides, 2)}};
    const struct record record = {text_of("one"), 3, fields};
    *mask = (struct sample_mask){.labelled = false};
    const bool read = sample_mask_read(mask, &record, error);
    sample_mask_free(mask);
    return read;
}

static void masks_are_no_larger_than_images(void **state) {
    static const int64_t refused[][2] = {{65535, 65535}, {65535, 4097}, {16384, 16385},
                                         {65536, 1},     {0, 5},        {5, -1}};
    struct sample_mask mask;
    struct error error;
    (void)state;
    assert_true(read_sized(1024, 1024, &mask, &error));
    assert_true(read_sized(16384, 16384, &mask, &error)); // 2^28, the most there may be
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_false(read_sized(refused[i][0], refused[i][1], &mask, &error));
        assert_non_null(strstr(error.text, "height and width"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_no_larger_than_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
