// decisions: read as far as an image needs, each used once, and what is refused.
#include "challenge/decisions.h"
#include "stream/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/pleura-decisions-XXXXXX";

struct row {
    const char *id;
    int64_t keep, area;
};

static void write_file(void *to, const void *bytes, size_t length) {
    assert_int_equal(fwrite(bytes, 1, length, to), length);
}

static void write_rows(const struct row *rows, size_t count) {
    const struct history history = {.count = 0};
    struct error error;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    struct stream_writer *writer =
        stream_begin((struct sink){.write = write_file, .to = file, .name = path}, KIND_DECISIONS,
                     &history, &error);
    assert_non_null(writer);
    for (size_t i = 0; i < count; i++) {
        const struct field fields[] = {{text_of("area"), value_integer(rows[i].area)},
                                       {text_of("keep"), value_integer(rows[i].keep)}};
        const struct record record = {text_of(rows[i].id), 2, fields};
        assert_true(stream_add(writer, &record, &error));
    }
    stream_finish(writer);
    assert_int_equal(fclose(file), 0);
}

static void expect(struct decisions *decisions, const char *id, enum decision expected) {
    enum decision decision = DECISION_USED;
    struct error error = {""};
    assert_true(decisions_take(decisions, text_of(id), &decision, &error));
    assert_int_equal(decision, expected);
}

static void expect_refused(struct decisions *decisions, const char *id, const char *words) {
    enum decision decision = DECISION_USED;
    struct error error = {""};
    assert_false(decisions_take(decisions, text_of(id), &decision, &error));
    assert_non_null(strstr(error.text, words));
    assert_non_null(strstr(error.text, path));
}

static void in_any_order(void **state) {
    (void)state;
    write_rows((struct row[]){{"a", 1, 7}, {"b", 0, 3}, {"c", 1, 1}}, 3);
    struct decisions decisions;
    struct error error = {""};
    assert_true(decisions_open(&decisions, path, 1 << 20, &error));
    expect(&decisions, "b", DECISION_EMPTY);
    expect(&decisions, "a", DECISION_KEEP);
    expect(&decisions, "b", DECISION_USED);
    expect(&decisions, "c", DECISION_KEEP);
    assert_true(decisions_end(&decisions, &error));
    decisions_free(&decisions);
}

static void each_with_its_image(void **state) {
    (void)state;
    write_rows((struct row[]){{"a", 1, 7}, {"b", 0, 3}}, 2);
    struct decisions decisions;
    struct error error = {""};
    assert_true(decisions_open(&decisions, path, 1 << 20, &error));
    expect(&decisions, "a", DECISION_KEEP);
    assert_false(decisions_end(&decisions, &error));
    assert_non_null(strstr(error.text, "1 decision for images that did not come (the first: 'b')"));
    decisions_free(&decisions);
    assert_true(decisions_open(&decisions, path, 1 << 20, &error));
    expect_refused(&decisions, "c", "no decision for 'c'");
    decisions_free(&decisions);
}

static void without_a_stream(void **state) {
    (void)state;
    struct decisions decisions;
    struct error error;
    assert_true(decisions_open(&decisions, NULL, 1 << 20, &error));
    expect(&decisions, "a", DECISION_KEEP);
    expect(&decisions, "a", DECISION_USED);
    assert_true(decisions_end(&decisions, &error));
    decisions_free(&decisions);
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        struct row second;
        const char *words;
    } cases[] = {
        {{"b", 2, 5}, "record 2, byte"},
        {{"b", 2, 5}, "b: 'keep' is 2, and must be 0 or 1"},
        {{"b", 1, 0}, "b: 'area' is 0, with a 'keep' of 1"},
        {{"b", 0, -1}, "b: 'area' is -1, with a 'keep' of 0"},
        {{"a", 0, 1}, "a second decision for 'a'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_rows((struct row[]){{"a", 1, 7}, cases[i].second}, 2);
        struct decisions decisions;
        struct error error;
        assert_true(decisions_open(&decisions, path, 1 << 20, &error));
        expect_refused(&decisions, "c", cases[i].words);
        decisions_free(&decisions);
    }
}

static void another_kind(void **state) {
    (void)state;
    struct decisions decisions;
    struct error error = {""};
    assert_false(decisions_open(&decisions, "/dev/null", 1 << 20, &error));
    assert_non_null(strstr(error.text, "/dev/null: header"));
    decisions_free(&decisions);
}

static int make_path(void **state) {
    (void)state;
    const int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_any_order),     cmocka_unit_test(each_with_its_image),
        cmocka_unit_test(without_a_stream), cmocka_unit_test(what_is_refused),
        cmocka_unit_test(another_kind),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
