// What a terminal is sent of texts that come from files.
#include "../child.h"

#include "core/text/utf8.h"

static const struct {
    const char *text, *shown;
} CASES[] = {
    {"plain, caf\xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80",
     "plain, caf\xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80"},
    {"one\ntwo\r\t", "one\\x0atwo\\x0d\\x09"},
    {"\x1B[31mred\x7F", "\\x1b[31mred\\x7f"},
    {"\xC2\x9B"
     "2J",
     "\\x9b2J"}, // CSI as a single character
    {"\xC2\xA0", "\xC2\xA0"},
    {"\xFF\xC0\xAF\xE2\x82", "\\xff\\xc0\\xaf\\xe2\\x82"},
    {"\xE2\x80\xAEgnp", "\\u202egnp"},
    {"\xE2\x80\x8F\xE2\x80\xA8\xE2\x81\xA6", "\\u200f\\u2028\\u2066"},
    {"\xE2\x80\x90\xE2\x81\xAA", "\xE2\x80\x90\xE2\x81\xAA"},
};

static void test_shown(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char shown[200];
        utf8_show_text(CASES[i].text, strlen(CASES[i].text), shown, sizeof shown);
        assert_string_equal(shown, CASES[i].shown);
    }
}

// What does not fit is left out whole.
static void test_cut(void **state) {
    (void)state;
    char shown[6];
    utf8_show_text("abc\nd", 5, shown, sizeof shown);
    assert_string_equal(shown, "abc");
    utf8_show_text("ab\xE2\x82\xAC", 5, shown, sizeof shown);
    assert_string_equal(shown, "ab\xE2\x82\xAC");
    utf8_show_text("abc\xE2\x82\xAC", 6, shown, sizeof shown);
    assert_string_equal(shown, "abc");
}

static void warn_hostile(void *argument) {
    warn("%s: is not there", (const char *)argument);
}

static void test_messages(void **state) {
    (void)state;
    char hostile[] = "id\nutf8: all is well\x1B[2J";
    const struct child child = run_child(warn_hostile, hostile);
    const char *line = strstr(child.err, ": ");
    assert_non_null(line);
    assert_string_equal(line, ": id\\x0autf8: all is well\\x1b[2J: is not there\n");
}

// A message of characters that each take four bytes to show is still one line with its end.
static void test_long_message(void **state) {
    (void)state;
    char hostile[1300];
    memset(hostile, '\n', sizeof hostile - 1);
    hostile[sizeof hostile - 1] = 0;
    const struct child child = run_child(warn_hostile, hostile);
    assert_in_range(strlen(child.err), 2000, 2801);
    assert_ptr_equal(strchr(child.err, '\n'), child.err + strlen(child.err) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_long_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
