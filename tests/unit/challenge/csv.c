// csv: what is taken as meant, what is refused and with which words, rows across buffer ends,
// writing.
#include "challenge/csv/csv.h"
#include "program/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"ImageId", "EncodedPixels"};

// A file with these bytes; its path is in `path`.
static void write_file(char *path, const void *bytes, size_t length) {
    strcpy(path, "/tmp/pleura-csv-XXXXXX");
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, length), length);
    assert_int_equal(close(descriptor), 0);
}

// Reads all rows into "id|runs\n" lines; false with *error on failure.
static bool read_all(const void *bytes, size_t length, size_t required, char *lines,
                     struct error *error) {
    char path[40];
    struct text fields[2];
    enum csv_status status = CSV_FAILED;
    write_file(path, bytes, length);
    struct csv *csv = csv_open(path, names, 2, required, error);
    lines[0] = 0;
    while (csv != NULL && (status = csv_next(csv, fields, error)) == CSV_ROW) {
        sprintf(lines + strlen(lines), "%.*s|%.*s\n", TEXT_ARG(fields[0]),
                fields[1].bytes != NULL ? (int)fields[1].length : 6,
                fields[1].bytes != NULL ? fields[1].bytes : "(none)");
    }
    csv_close(csv);
    unlink(path);
    return csv != NULL && status == CSV_END;
}

static void expect_rows(const char *bytes, const char *rows) {
    char lines[2000];
    struct error error = {""};
    const bool read = read_all(bytes, strlen(bytes), 2, lines, &error);
    assert_string_equal(error.text, "");
    assert_true(read);
    assert_string_equal(lines, rows);
}

static void expect_error(const void *bytes, size_t length, const char *words) {
    char lines[2000];
    struct error error = {""};
    assert_false(read_all(bytes, length, 2, lines, &error));
    if (strstr(error.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", error.text, words);
    }
}

static void expect_refused(const char *bytes, const char *words) {
    expect_error(bytes, strlen(bytes), words);
}

// Tables of other programs are refused with words that say what they are.
static void test_other_tables(void **state) {
    (void)state;
    const char *wanted = "must name the columns 'ImageId', 'EncodedPixels', and has ";
    char words[200];
    expect_refused(",ImageId,EncodedPixels\n0,a,1 2\n",
                   "line 1: column 1, '', holds row numbers as pandas writes them");
    expect_refused("\"\",ImageId,EncodedPixels\n0,a,1 2\n", "row numbers as pandas");
    expect_refused("\xEF\xBB\xBFUnnamed: 0,ImageId,EncodedPixels\n0,a,1 2\n",
                   "'Unnamed: 0', holds row numbers");
    expect_refused("ImageId,Unnamed: 0.1,EncodedPixels\na,0,1 2\n", "column 2, 'Unnamed: 0.1'");
    expect_refused("ImageId;EncodedPixels\na;1 2\n", "line 1: separated by semicolons");
    expect_refused("ImageId\tEncodedPixels\na\t1 2\n", "line 1: separated by tabs");
    sprintf(words, "line 1: no column 'ImageId': the first line %s'image_id', 'rle'", wanted);
    expect_refused("image_id,rle\na,1 2\n", words);
    sprintf(words,
            "line 1: the column 'fold' has no meaning here: the first line %s"
            "'ImageId', 'EncodedPixels', 'fold'",
            wanted);
    expect_refused("ImageId,EncodedPixels,fold\na,1 2,3\n", words);
    expect_refused("ImageId,EncodedPixels,\na,1 2,\n", "the column '' has no meaning here");
    sprintf(words, "%s'a', 'b', 'c', 'd', 'e', 'f', ...", wanted);
    expect_refused("a,b,c,d,e,f,g,h,i,j,k,l\n1,2,3,4,5,6,7,8,9,10,11,12\n", words);
}

static void test_forms(void **state) {
    (void)state;
    const char *rows = "a|1 2\nb|-1\n";
    expect_rows("ImageId,EncodedPixels\na,1 2\nb,-1\n", rows);
    expect_rows("ImageId, EncodedPixels\na, 1 2\nb, -1\n", rows);
    expect_rows(" ImageId\t, EncodedPixels \n a ,\t1 2  \nb,-1", rows);
    expect_rows("ImageId,EncodedPixels\r\na,1 2\r\nb,-1\r\n", rows);
    expect_rows("ImageId,EncodedPixels\r\na,1 2\r\nb,-1\r", rows);
    expect_rows("\xEF\xBB\xBFImageId,EncodedPixels\na,1 2\nb,-1\n", rows);
    expect_rows("\"ImageId\",\"EncodedPixels\"\n\"a\",\"1 2\"\n\"b\" , \"-1\" \n", rows);
    expect_rows("\"ImageId\",\" EncodedPixels\"\n\"a\",\"1 2\"\n\"b\",\"-1\"\n", rows);
    expect_rows("EncodedPixels,ImageId\n1 2,a\n-1,b\n", rows);
    expect_rows("\n\r\nImageId,EncodedPixels\n\na,1 2\n  \nb,-1\n\n\n", rows);
    expect_rows("ImageId,EncodedPixels\n", "");
    expect_rows("ImageId,EncodedPixels", "");
    expect_rows("ImageId,EncodedPixels\na,\n,\"\"\n", "a|\n|\n");
}

static void test_quotes(void **state) {
    (void)state;
    expect_rows("ImageId,EncodedPixels\n\"a,b\",1\n\"c\"\"d\"\"\",2\n\"\"\"\",3\n\"e\r\nf\n\","
                "4\n\" g \",5\n",
                "a,b|1\nc\"d\"|2\n\"|3\ne\r\nf\n|4\n g |5\n");
}

static void test_optional_column(void **state) {
    (void)state;
    char lines[200];
    struct error error = {""};
    const char *bytes = "ImageId\na\n\nb\n";
    assert_true(read_all(bytes, strlen(bytes), 1, lines, &error));
    assert_string_equal(lines, "a|(none)\nb|(none)\n");
    expect_refused(bytes, "line 1: no column 'EncodedPixels'");
}

static void test_refused(void **state) {
    (void)state;
    expect_refused("", "empty");
    expect_refused("\n\n", "empty");
    expect_refused("a,1 2\n", "line 1: no column 'ImageId'");
    expect_refused("imageid,EncodedPixels\n", "line 1: no column 'ImageId'");
    expect_refused("ImageId,EncodedPixels,Fold\n", "line 1: the column 'Fold' has no meaning");
    expect_refused("ImageId,EncodedPixels,ImageId\n", "line 1: the column 'ImageId' twice");
    expect_refused("ImageId,EncodedPixels\na,1\n\nb\n", "line 4: 1 value, and the header has 2");
    expect_refused("ImageId,EncodedPixels\na,1,2\n", "line 2: 3 values, and the header has 2");
    expect_refused("ImageId,EncodedPixels\na,1,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n",
                   "line 2: more than 32 values");
    expect_refused("ImageId,EncodedPixels\n\"a\nb\",1\n\"c\n",
                   "line 4: a quote that is not closed");
    expect_refused("ImageId,EncodedPixels\n\"a\"b,1\n", "line 2: text behind a closing quote");
    expect_refused("ImageId,EncodedPixels\na\"b\",1\n", "line 2: a quote in a value");
    expect_refused("ImageId,EncodedPixels\na,1\rb,2\r", "line 2: a carriage return");
    expect_refused("\xFF\xFEI\n", "UTF-16");
    expect_error("ImageId,EncodedPixels\na\0b,1\n", 29, "line 2: a NUL byte");
    expect_error("I\0m\0a\0", 6, "line 1: a NUL byte");
}

static void test_missing(void **state) {
    (void)state;
    struct error error;
    assert_null(csv_open("/nonexistent/file.csv", names, 2, 2, &error));
    assert_string_equal(error.text, "/nonexistent/file.csv: No such file or directory");
    assert_null(csv_open("/tmp", names, 2, 2, &error));
    assert_string_equal(error.text, "/tmp: Is a directory");
}

// Rows of every length from 1 on: some end at, before and behind each end of the buffer.
static void test_long_rows(void **state) {
    (void)state;
    enum { ROWS = 1500, SIZE = 3 << 20 };
    char *bytes = malloc(SIZE);
    char path[40];
    struct error error;
    struct text fields[2];
    assert_non_null(bytes);
    size_t used = (size_t)sprintf(bytes, "ImageId,EncodedPixels\n");
    for (size_t i = 1; i <= ROWS; i++) {
        used += (size_t)sprintf(bytes + used, "%zu,", i);
        memset(bytes + used, 'x', 2 * i);
        used += 2 * i;
        bytes[used++] = '\n';
    }
    write_file(path, bytes, used);
    struct csv *csv = csv_open(path, names, 2, 2, &error);
    assert_non_null(csv);
    for (size_t i = 1; i <= ROWS; i++) {
        assert_int_equal(csv_next(csv, fields, &error), CSV_ROW);
        assert_int_equal(csv_line(csv), i + 1);
        assert_int_equal(fields[1].length, 2 * i);
        assert_int_equal(strtoul(fields[0].bytes, NULL, 10), i);
    }
    assert_int_equal(csv_next(csv, fields, &error), CSV_END);
    csv_close(csv);
    unlink(path);
    free(bytes);
}

static void test_row_limit(void **state) {
    (void)state;
    const size_t length = CSV_MAX_ROW + 100;
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, '1', length);
    const char start[] = "ImageId,EncodedPixels\na,";
    memcpy(bytes, start, sizeof start - 1);
    expect_error(bytes, length, "line 2: longer than 16777216 bytes");
    bytes[sizeof start - 1] = '"';
    expect_error(bytes, length, "line 2: a quote that is not closed within 16777216 bytes");
    free(bytes);
}

static void test_write(void **state) {
    (void)state;
    char path[40];
    char lines[200];
    char bytes[200] = {0};
    struct error error = {""};
    const char *const fields[][2] = {{"ImageId", "EncodedPixels"},
                                     {"a", "1 2"},
                                     {"b,\"c\"", "-1"},
                                     {"d\r\n", "3"},
                                     {" e ", "4 5"},
                                     {"", ""}};
    write_file(path, "", 0);
    struct output *output = output_open(path, OUTPUT_TEXT);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct text row[] = {text_of(fields[i][0]), text_of(fields[i][1])};
        csv_write(output_sink(output), row, 2);
    }
    output_close(output);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t length = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    unlink(path);
    assert_string_equal(bytes, "ImageId,EncodedPixels\na,1 2\n\"b,\"\"c\"\"\",-1\n\"d\r\n\",3\n"
                               "\" e \",4 5\n\"\",\"\"\n");
    assert_true(read_all(bytes, length, 2, lines, &error));
    assert_string_equal(lines, "a|1 2\nb,\"c\"|-1\nd\r\n|3\n e |4 5\n|\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_other_tables),
        cmocka_unit_test(test_quotes),    cmocka_unit_test(test_optional_column),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_missing),
        cmocka_unit_test(test_long_rows), cmocka_unit_test(test_row_limit),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
