// Files of weights: what PyTorch writes is read, what is damaged or hostile is refused.
#include "weights/file.h"

#include "core/numbers/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GOLDEN "tests/golden/weights/"

struct file {
    unsigned char *bytes;
    size_t length;
};

static struct file load(const char *name) {
    char path[200];
    struct file file = {malloc(1 << 16), 0};
    (void)snprintf(path, sizeof path, GOLDEN "%s", name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_non_null(file.bytes);
    file.length = fread(file.bytes, 1, 1 << 16, stream);
    (void)fclose(stream);
    return file;
}

static bool reads(const unsigned char *bytes, size_t length, struct error *error) {
    struct weight_table table = {.count = 0};
    const bool read = weights_read_bytes(bytes, length, &table, error);
    weight_table_free(&table);
    return read;
}

// What all golden files hold: see tests/golden/weights/README.
static void check_values(const struct weight_table *table) {
    const struct weight *plain = weight_table_find(table, "plain");
    const struct weight *transposed = weight_table_find(table, "turned");
    const struct weight *half = weight_table_find(table, "half");
    const struct weight *brain = weight_table_find(table, "brain");
    const struct weight *tracked = weight_table_find(table, "num_batches_tracked");
    assert_non_null(plain);
    assert_int_equal(plain->rank, 2);
    assert_int_equal(plain->shape[0], 2);
    assert_int_equal(plain->shape[1], 3);
    for (size_t i = 0; i < 6; i++) {
        assert_true(plain->values[i] == (float)i / 4);
    }
    assert_non_null(transposed); // the same storage, transposed
    assert_int_equal(transposed->shape[0], 3);
    assert_true(transposed->values[0] == 0.0F && transposed->values[1] == 0.75F);
    assert_true(transposed->values[5] == 1.25F);
    assert_non_null(half);
    assert_true(half->values[0] == 1.5F && half->values[1] == -2.25F);
    assert_non_null(brain);
    assert_true(brain->values[0] == -0.15625F);
    assert_non_null(tracked);
    assert_int_equal(tracked->rank, 0);
    assert_true(tracked->values[0] == 7.0F);
}

static const char *const golden[] = {"new.pth",      "old.pth",      "dict.pth",
                                     "parallel.pth", "timm.pth.tar", "model.safetensors"};
#define GOLDEN_FILES (sizeof golden / sizeof *golden)

static void what_pytorch_writes_is_read(void **state) {
    (void)state;
    for (size_t i = 0; i < GOLDEN_FILES; i++) {
        struct weight_table table = {.count = 0};
        struct error error;
        struct file file = load(golden[i]);
        if (!weights_read_bytes(file.bytes, file.length, &table, &error)) {
            fail_msg("%s: %s", golden[i], error.text);
        }
        check_values(&table);
        weight_table_free(&table);
        free(file.bytes);
    }
}

static void every_cut_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < GOLDEN_FILES; i++) {
        struct file file = load(golden[i]);
        for (size_t length = 0; length < file.length; length++) {
            struct error error;
            unsigned char *part = malloc(length + 1);
            assert_non_null(part);
            memcpy(part, file.bytes, length);
            if (reads(part, length, &error)) {
                fail_msg("%s cut to %zu bytes is read", golden[i], length);
            }
            free(part);
        }
        free(file.bytes);
    }
}

// Damage must not crash or hang; archives have checksums over what counts.
static void damage_does_no_harm(void **state) {
    struct random random = random_seed(1, 2, 3);
    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        struct error error;
        struct file file = load(golden[round % GOLDEN_FILES]);
        unsigned char *exact = malloc(file.length);
        assert_non_null(exact);
        memcpy(exact, file.bytes, file.length);
        for (uint64_t k = random_below(&random, 4) + 1; k > 0; k--) {
            exact[random_below(&random, file.length)] = (unsigned char)random_next(&random);
        }
        (void)reads(exact, file.length, &error);
        free(exact);
        free(file.bytes);
    }
}

static void absurd_headers_are_refused(void **state) {
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,400]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\":3}",
        "[]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        unsigned char bytes[400] = {0};
        struct error error;
        const uint64_t length = strlen(headers[i]);
        memcpy(bytes, &length, 8);
        memcpy(bytes + 8, headers[i], length);
        if (reads(bytes, 8 + length + 8, &error)) {
            fail_msg("header %zu is taken", i);
        }
        const uint64_t absurd = UINT64_MAX - 4;
        memcpy(bytes, &absurd, 8);
        assert_false(reads(bytes, 8 + length + 8, &error));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_pytorch_writes_is_read),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(absurd_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
