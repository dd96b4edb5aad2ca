// DICOM objects: UIDs, the builder's bytes as the reader sees them, and texts of sources that their
// VRs do not permit.
#include "image/dicom/dicom.h"
#include "image/dicom/values.h"
#include "objects/object.h"
#include "objects/uid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// cmocka, which calls a macro of its own `fail`, comes behind our headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NAME DICOM_TAG(0x0010, 0x0010)
#define BIRTH_DATE DICOM_TAG(0x0010, 0x0030)

static const struct object_maker MAKER = {UID_USUAL_ROOT, "Pleura", "1", "above 0.5"};

static void uids(void **state) {
    (void)state;
    char long_uid[80], a[DICOM_UID_SIZE], b[DICOM_UID_SIZE];
    memset(long_uid, '1', sizeof long_uid);
    long_uid[64] = '\0';
    static const char *const good[] = {"1", "1.2.840.10008.1.2", "2.25.0", "0.10"};
    static const char *const bad[] = {"", ".1", "1.", "1..2", "1.02", "1.2a", "00"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(uid_is_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(uid_is_valid(bad[i]));
    }
    assert_true(uid_is_valid(long_uid));
    memcpy(long_uid + 64, "1", 2);
    assert_false(uid_is_valid(long_uid));
    long_uid[UID_MAX_ROOT] = '\0';
    uid_of(a, long_uid, "x", 1);
    uid_of(b, long_uid, "y", 1);
    assert_true(uid_is_valid(a));
    assert_int_equal(strlen(a), 64);
    assert_memory_equal(a, long_uid, UID_MAX_ROOT);
    assert_string_not_equal(a, b);
    uid_of(b, long_uid, "x", 1);
    assert_string_equal(a, b);
}

// ---- the builder

static void elements_come_in_order_and_sequences_have_their_lengths(void **state) {
    (void)state;
    static const struct dicom_code code = {"SCT", "1", "one"};
    struct dicom_builder builder = {.bytes = NULL};
    struct dicom_file file;
    struct dicom_element element;
    struct dicom_set item;
    uint8_t *bytes;
    size_t length;
    char text[16];
    unsigned number = 0;
    dicom_put_number(&builder, DICOM_TAG(0x0028, 0x0010), 517);
    dicom_put_code(&builder, DICOM_TAG(0x0008, 0x9215), &code);
    dicom_put_text(&builder, NAME, "PN", "odd");
    assert_true(dicom_file_bytes(&builder, "1.2", "1.2.3", DICOM_EXPLICIT_LITTLE_ENDIAN, &bytes,
                                 &length, NULL));
    assert_true(dicom_open(bytes, length, &file, NULL));
    assert_true(dicom_sound(&file.data));
    assert_string_equal(file.transfer_syntax, DICOM_EXPLICIT_LITTLE_ENDIAN);
    assert_int_equal(dicom_word(&file.data, DICOM_TAG(0x0008, 0x0018), text, sizeof text),
                     DICOM_GIVEN);
    assert_string_equal(text, "1.2.3");
    assert_int_equal(dicom_count(&file.data, DICOM_TAG(0x0028, 0x0010), &number), DICOM_GIVEN);
    assert_int_equal(number, 517);
    assert_true(dicom_find(&file.data, NAME, &element));
    assert_int_equal(element.value.length, 4);
    assert_memory_equal(element.value.bytes, "odd ", 4);
    const uint8_t *name = element.value.bytes;
    assert_true(dicom_find(&file.data, DICOM_TAG(0x0008, 0x9215), &element));
    assert_true(element.value.bytes < name);
    assert_true(dicom_first_item(&element, &item));
    assert_int_equal(dicom_word(&item, DICOM_TAG(0x0008, 0x0104), text, sizeof text), DICOM_GIVEN);
    assert_string_equal(text, "one");
    dicom_close(&file);
    dicom_builder_free(&builder);
    free(bytes);
}

static void expect_failure(struct dicom_builder *builder, const char *says) {
    struct error error = {""};
    uint8_t *bytes;
    size_t length;
    assert_false(dicom_file_bytes(builder, "1.2", "1.2.3", DICOM_EXPLICIT_LITTLE_ENDIAN, &bytes,
                                  &length, &error));
    assert_null(bytes);
    if (strstr(error.text, says) == NULL) {
        fail_msg("'%s', wanted '%s'", error.text, says);
    }
    dicom_builder_free(builder);
}

static void what_is_no_dataset_is_refused(void **state) {
    (void)state;
    static char text[70000];
    memset(text, 'a', sizeof text - 1);
    struct dicom_builder builder = {.bytes = NULL};
    dicom_put_text(&builder, NAME, "PN", text);
    expect_failure(&builder, "too long");
    builder = (struct dicom_builder){.bytes = NULL};
    dicom_put_text(&builder, NAME, "PN", "a");
    dicom_put_text(&builder, NAME, "PN", "b");
    expect_failure(&builder, "twice");
    builder = (struct dicom_builder){.bytes = NULL};
    dicom_begin_sequence(&builder, NAME);
    expect_failure(&builder, "no end");
    builder = (struct dicom_builder){.bytes = NULL};
    dicom_end_item(&builder);
    expect_failure(&builder, "not begun");
}

// ---- sources

struct bytes {
    uint8_t *bytes;
    size_t length;
};

// A source of 2 x 9 pixels with this name and birth date; `study` may be NULL.
static struct bytes source_file(const char *study, const char *name, const char *date) {
    struct dicom_builder builder = {.bytes = NULL};
    struct bytes file;
    dicom_put_text(&builder, NAME, "PN", name);
    dicom_put_text(&builder, BIRTH_DATE, "DA", date);
    if (study != NULL) {
        dicom_put_text(&builder, DICOM_TAG(0x0020, 0x000D), "UI", study);
    }
    dicom_put_text(&builder, DICOM_TAG(0x0020, 0x000E), "UI", "1.2.03");
    dicom_put_number(&builder, DICOM_TAG(0x0028, 0x0010), 2);
    dicom_put_number(&builder, DICOM_TAG(0x0028, 0x0011), 9);
    dicom_put_number(&builder, DICOM_TAG(0x0028, 0x0100), 8);
    dicom_put(&builder, DICOM_PIXEL_DATA, "OB", "123456789123456789", 18);
    assert_true(dicom_file_bytes(&builder, DICOM_SECONDARY_CAPTURE, "1.2.3",
                                 DICOM_EXPLICIT_LITTLE_ENDIAN, &file.bytes, &file.length, NULL));
    dicom_builder_free(&builder);
    return file;
}

static void expect_text(const struct dicom_set *set, uint32_t tag, const char *wanted) {
    struct dicom_element element;
    if (wanted[0] == '\0') {
        assert_false(dicom_find(set, tag, &element));
        return;
    }
    assert_true(dicom_find(set, tag, &element));
    assert_int_equal(element.value.length, strlen(wanted));
    assert_memory_equal(element.value.bytes, wanted, strlen(wanted));
}

static void texts_of_a_source_are_held_against_their_vr(void **state) {
    (void)state;
    static const struct {
        const char *name, *date, *name_out, *date_out;
    } cases[] = {
        {"A^B", "20240131", "A^B ", "20240131"},
        {"  A  ", "2024.01.31", "  A ", "20240131"},
        {"A\nB\x7F\x01", "202401", "AB", ""},
        {"\x1B$B;3\x1B(B", "2024013\x31 ", "\x1B$B;3\x1B(B", "20240131"},
        {"", "today", "", ""},
    };
    uint8_t pixels[18] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct image mask = {pixels, 2, 9};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes file = source_file("1.2.4", cases[i].name, cases[i].date);
        struct object_source source;
        struct object object;
        struct dicom_file made;
        assert_true(object_source_open(file.bytes, file.length, &source, NULL));
        assert_true(object_segmentation(&source, &MAKER, &mask, NULL, &object, NULL));
        assert_true(dicom_open(object.bytes, object.length, &made, NULL));
        expect_text(&made.data, NAME, cases[i].name_out);
        expect_text(&made.data, BIRTH_DATE, cases[i].date_out);
        assert_int_equal(made.pixels.value.length, 4); // 18 bits, and a byte to make it even
        assert_memory_equal(made.pixels.value.bytes, "\x02\x02\x00\x00", 4);
        dicom_close(&made);
        object_free(&object);
        object_source_close(&source);
        free(file.bytes);
    }
}

static void refuse_source(const char *study, const char *says) {
    struct bytes file = source_file(study, "A", "");
    struct object_source source;
    struct error error = {""};
    assert_false(object_source_open(file.bytes, file.length, &source, &error));
    if (strstr(error.text, says) == NULL) {
        fail_msg("'%s', wanted '%s'", error.text, says);
    }
    free(file.bytes);
}

static void a_source_needs_uids_and_the_size_of_its_mask(void **state) {
    (void)state;
    uint8_t pixels[18] = {1};
    const struct image mask = {pixels, 9, 2};
    struct object_source source;
    struct object object;
    struct error error = {""};
    refuse_source(NULL, "Study Instance UID is missing");
    refuse_source("1.2\\1.3", "Study Instance UID is no UID");
    refuse_source("study", "Study Instance UID is no UID");
    struct bytes file = source_file("1.2.4", "A", "");
    assert_false(object_source_open(file.bytes, 100, &source, &error));
    assert_true(object_source_open(file.bytes, file.length, &source, &error));
    assert_false(object_segmentation(&source, &MAKER, &mask, NULL, &object, &error));
    assert_non_null(strstr(error.text, "2 rows and 9 columns"));
    assert_null(object.bytes);
    object_source_close(&source);
    free(file.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uids),
        cmocka_unit_test(elements_come_in_order_and_sequences_have_their_lengths),
        cmocka_unit_test(what_is_no_dataset_is_refused),
        cmocka_unit_test(texts_of_a_source_are_held_against_their_vr),
        cmocka_unit_test(a_source_needs_uids_and_the_size_of_its_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
