// labels: rows gathered by image in file order, what is refused, and sets of ids.
#include "challenge/labels.h"
#include "dataset/ids/image_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static bool read_text(struct labels *labels, const char *text, bool runs_needed,
                      struct error *error) {
    char path[] = "/tmp/pleura-labels-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    close(descriptor);
    const bool read = labels_read(labels, path, runs_needed, error);
    unlink(path);
    return read;
}

static void expect_image(const struct labels *labels, const char *id, const char *rows) {
    char found[200] = "";
    size_t count = 0;
    const size_t index = ids_find(&labels->ids, text_of(id));
    assert_int_not_equal(index, IDS_ABSENT);
    const struct label_row *row = labels_rows(labels, index, &count);
    for (size_t i = 0; i < count; i++) {
        sprintf(found + strlen(found), "%d:%.*s;", (int)row[i].line, TEXT_ARG(row[i].runs));
    }
    assert_string_equal(found, rows);
}

static void test_gathers(void **state) {
    (void)state;
    struct labels labels = {.name = NULL};
    struct error error;
    assert_true(read_text(&labels,
                          "ImageId, EncodedPixels\nb, 1 2\na, -1\nb, 3 4\nc,5 6\na,7 8\nb,-1\n"
                          "d,\" -1 \"\nb,\" 9 9\"\n",
                          true, &error));
    assert_int_equal(labels.ids.count, 4);
    assert_true(text_is(labels.ids.items[0], "b"));
    assert_true(text_is(labels.ids.items[3], "d"));
    expect_image(&labels, "a", "6:7 8;");
    expect_image(&labels, "b", "2:1 2;4:3 4;9:9 9;");
    expect_image(&labels, "c", "5:5 6;");
    expect_image(&labels, "d", "");
    assert_int_equal(ids_find(&labels.ids, text_of("e")), IDS_ABSENT);
    assert_int_equal(ids_find(&labels.ids, text_of("")), IDS_ABSENT);
    labels_free(&labels);
}

static void test_nothing(void **state) {
    (void)state;
    struct labels labels = {.name = NULL};
    struct error error;
    assert_true(read_text(&labels, "ImageId,EncodedPixels\n", true, &error));
    assert_int_equal(labels.ids.count, 0);
    assert_int_equal(ids_find(&labels.ids, text_of("a")), IDS_ABSENT);
    labels_free(&labels);
}

static void test_list_of_ids(void **state) {
    (void)state;
    struct labels labels = {.name = NULL};
    struct error error;
    assert_true(read_text(&labels, "ImageId\nz\ny\nz\n", false, &error));
    assert_int_equal(labels.ids.count, 2);
    expect_image(&labels, "z", "");
    labels_free(&labels);
    assert_false(read_text(&labels, "ImageId\nz\n", true, &error));
    labels_free(&labels);
}

// "a", "a.dcm" and "a.PNG" are one image.
static void test_extensions(void **state) {
    (void)state;
    struct labels labels = {.name = NULL};
    struct error error;
    assert_true(read_text(&labels,
                          "ImageId,EncodedPixels\na,1 2\na.dcm,3 4\nb.dicom,5 6\na.PNG,7 8\n"
                          "1.2.840,-1\nc.jpeg.JPG,9 1\n.png,2 2\n",
                          true, &error));
    assert_int_equal(labels.ids.count, 5);
    expect_image(&labels, "a", "2:1 2;3:3 4;5:7 8;");
    expect_image(&labels, "b", "4:5 6;");
    expect_image(&labels, "1.2.840", "");
    expect_image(&labels, "c", "7:9 1;");
    expect_image(&labels, ".png", "8:2 2;");
    labels_free(&labels);
}

static void expect_id(const char *path, const char *id) {
    const struct text found = image_id_of_path(path);
    if (!text_is(found, id)) {
        fail_msg("the id of '%s' is '%.*s', not '%s'", path, TEXT_ARG(found), id);
    }
}

static void test_ids_of_files(void **state) {
    (void)state;
    expect_id("a/b/x.dcm", "x");
    expect_id("x.tiff", "x");
    expect_id("x.dcm.png", "x");
    expect_id("1.nih.png", "1.nih");
    expect_id("1.2.840.113619", "1.2.840.113619");
    expect_id("1.2.840.113619.dcm", "1.2.840.113619");
    expect_id("x.longer", "x.longer");
    expect_id("x.", "x.");
    expect_id(".dcm", ".dcm");
    expect_id("a.b/", "");
}

// A file whose name has one more extension belongs to the row of the shorter id, if need be.
static void test_find_id(void **state) {
    (void)state;
    struct ids ids = {.count = 0};
    struct error error;
    size_t index = 0;
    bool added = false;
    assert_true(ids_add(&ids, text_of("x"), &index, &added, &error));
    assert_true(ids_add(&ids, text_of("y.nih"), &index, &added, &error));
    assert_true(ids_add(&ids, text_of("y"), &index, &added, &error));
    assert_true(ids_add(&ids, text_of("1.2"), &index, &added, &error));
    assert_int_equal(image_id_find(&ids, text_of("x")), 0);
    assert_int_equal(image_id_find(&ids, text_of("x.nih")), 0);
    assert_int_equal(image_id_find(&ids, text_of("x.nih_00000013_003")), 0);
    assert_int_equal(image_id_find(&ids, text_of("x.a.nih")), IDS_ABSENT);
    assert_int_equal(image_id_find(&ids, text_of("y.nih")), 1);
    assert_int_equal(image_id_find(&ids, text_of("1.2.840")), IDS_ABSENT);
    assert_int_equal(image_id_find(&ids, text_of("")), IDS_ABSENT);
    ids_free(&ids);
}

// One image of many rows takes no time to speak of.
static void test_many_rows(void **state) {
    (void)state;
    enum { COUNT = 300000 };
    struct labels labels = {.name = NULL};
    struct runs runs = {.count = 0};
    struct error error;
    char *text = malloc(COUNT * 16 + 100);
    assert_non_null(text);
    char *cursor = text + sprintf(text, "ImageId,EncodedPixels\n");
    for (int i = 0; i < COUNT; i++) {
        cursor += sprintf(cursor, "a,%d 1\n", 3 * (COUNT - i));
    }
    const clock_t start = clock();
    assert_true(read_text(&labels, text, true, &error));
    assert_true(labels_unite(&labels, 0, 1024, 1024, &runs, &error));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2);
    assert_int_equal(runs.count, COUNT);
    runs_free(&runs);
    labels_free(&labels);
    free(text);
}

static void expect_refused(const char *text, const char *words) {
    struct labels labels = {.name = NULL};
    struct error error = {""};
    assert_false(read_text(&labels, text, true, &error));
    labels_free(&labels);
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", error.text, words);
    }
}

static void test_refused(void **state) {
    (void)state;
    char text[2000] = "ImageId,EncodedPixels\n";
    expect_refused("ImageId,EncodedPixels\na,1 2\nb,\n", "line 3: b: no run lengths: write -1");
    expect_refused("ImageId,EncodedPixels\n,1 2\n", "line 2: an empty id");
    expect_refused("ImageId,EncodedPixels\na\x80,1 2\n", "line 2: an id that is not UTF-8");
    const size_t used = strlen(text);
    memset(text + used, 'x', RECORD_MAX_NAME + 1);
    strcpy(text + used + RECORD_MAX_NAME + 1, ",-1\n");
    expect_refused(text, "line 2: an id of more than 1024 bytes");
}

// More ids than fit the first table and the first block, with long ones among them.
static void test_many_ids(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    struct ids ids = {.count = 0};
    struct error error;
    char id[RECORD_MAX_NAME + 100];
    size_t index = 0;
    bool added = false;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            sprintf(id, "%0*zu", i % 1000 == 0 ? 1100 : 5, i);
            assert_true(ids_add(&ids, text_of(id), &index, &added, &error));
            assert_int_equal(added, round == 0);
            assert_int_equal(index, i);
        }
    }
    assert_int_equal(ids.count, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        sprintf(id, "%0*zu", i % 1000 == 0 ? 1100 : 5, i);
        assert_true(text_is(ids.items[i], id));
        assert_int_equal(ids_find(&ids, text_of(id)), i);
    }
    assert_int_equal(ids_find(&ids, text_of("20000")), IDS_ABSENT);
    ids_free(&ids);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gathers),      cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_list_of_ids),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many_ids),     cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_ids_of_files), cmocka_unit_test(test_find_id),
        cmocka_unit_test(test_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
