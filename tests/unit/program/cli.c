// cli: what a command line means, what is refused, and which line of history it leaves.
#include "../child.h"

#include "core/text/number.h"
#include "core/text/utf8.h"
#include "core/version.h"
#include "program/cli/cli.h"

#include <errno.h>
#include <math.h>
#include <signal.h>

#define MAX_ARGUMENTS 16

struct call {
    const char *arguments[MAX_ARGUMENTS]; // ends with NULL
    int least, most;
};

// Parses and prints every target, the operands and the history, each on a line.
static void parse_and_print(void *argument) {
    const struct call *call = argument;
    bool flag = false;
    const char *text = "none";
    const char *file = NULL;
    const char *choice = "b";
    int64_t integer = 7;
    const char *many = "last-of-many";
    double number = 0.17;
    size_t bytes = 5;
    struct common_options common = cli_common_defaults();
    const struct option_row rows[] = {
        {"flag", 'f', OPTION_FLAG, &flag, NULL, "a flag", 0, 0, OPTION_RECORDED},
        {"text", 0, OPTION_TEXT, &text, "TEXT", "a text", 0, 0, OPTION_RECORDED},
        {"file", 'i', OPTION_FILE, &file, "FILE", "a file", 0, 0, OPTION_RECORDED},
        {"choice", 0, OPTION_CHOICE, &choice, "a|b|cc", "a choice", 0, 0, OPTION_RECORDED},
        {"many", 0, OPTION_CHOICE, &many,
         "first-of-many|second-of-many|third-of-many|fourth-of-many|fifth-of-many|last-of-many",
         "another choice", 0, 0, OPTION_RECORDED},
        {"integer", 'n', OPTION_INTEGER, &integer, "N", "a number", -5, 100, OPTION_RECORDED},
        {"number", 'r', OPTION_NUMBER, &number, "R", "a ratio", 0, 1, OPTION_RECORDED},
        {"bytes", 0, OPTION_BYTES, &bytes, "SIZE", "a size", 0, 0, OPTION_RECORDED},
        {"silent", 's', OPTION_INTEGER, &integer, "N", "not recorded", 0, 0, OPTION_SILENT},
    };
    const struct program program = {
        .name = "tester",
        .summary = "a program",
        .purpose = PURPOSE_SCORE,
        .usage = "[OPTION]... [FILE]...",
        .description = "First paragraph.\n\n.Second 'paragraph' - with a \\ in it.",
        .examples = "tester a | tester",
        .options = rows,
        .option_count = COUNT_OF(rows),
        .common = &common,
        .common_options = COMMON_STREAM | COMMON_THREADS,
        .min_operands = call->least,
        .max_operands = call->most,
    };
    const char *argv[MAX_ARGUMENTS + 2] = {"tester"};
    int argc = 1;
    while (call->arguments[argc - 1] != NULL) {
        argv[argc] = call->arguments[argc - 1];
        argc++;
    }
    const struct operands operands = cli_parse(&program, argc, (char **)(uintptr_t)argv);
    (void)printf("%d %s %s %s %lld %.17g %zu|%s %d %lld %zu|", flag, text, file ? file : "-",
                 choice, (long long)integer, number, bytes, common.output ? common.output : "-",
                 common.quiet, (long long)common.threads, common.max_record);
    for (int i = 0; i < operands.count; i++) {
        (void)printf("%s,", operands.items[i]);
    }
    (void)printf("|%s", operands.history);
}

#define PARSE(...)                                                                                 \
    run_child(parse_and_print, &(struct call){.arguments = {__VA_ARGS__}, .most = -1})

#define assert_parsed(expected, ...)                                                               \
    do {                                                                                           \
        const struct child child = PARSE(__VA_ARGS__);                                             \
        assert_string_equal(child.err, "");                                                        \
        assert_int_equal(child.status, 0);                                                         \
        if (strstr(child.out, expected) == NULL) {                                                 \
            assert_string_equal(child.out, expected);                                              \
        }                                                                                          \
    } while (0)

#define assert_refused(expected, ...)                                                              \
    do {                                                                                           \
        const struct child child = PARSE(__VA_ARGS__);                                             \
        assert_int_equal(child.status, 2);                                                         \
        assert_string_equal(child.out, "");                                                        \
        assert_non_null(strstr(child.err, "--help'.\n"));                                          \
        if (strstr(child.err, expected) == NULL) {                                                 \
            assert_string_equal(child.err, expected);                                              \
        }                                                                                          \
    } while (0)

static void options_are_read(void **state) {
    (void)state;
    assert_parsed("0 none - b 7 0.17000000000000001 5|- 0 ", "");
    assert_parsed("|,|tester " PLEURA_VERSION, "");
    assert_parsed("1 t f cc 100 1 2048|o 1 3 1073741824|a,b,|", "a", "-f", "--text", "t", "-if",
                  "--choice=cc", "-n", "100", "--number=1", "--bytes", "2K", "-qoo", "b", "-t3");
    assert_parsed("1 none", "--fl");
    assert_parsed("|-f,x,|", "--", "-f", "x");
    assert_parsed("|-,|", "-");
    assert_parsed(" -5 0 0|", "-n-5", "-r", "0", "--bytes=0");
    assert_parsed(" 1536|", "--bytes", "1.5K");
    assert_parsed(" 4611686018427387904|", "--bytes", "4294967296G");
}

static void values_are_checked(void **state) {
    (void)state;
    assert_refused("--nothing: no such option", "--nothing");
    assert_refused("-x: no such option", "-x");
    assert_refused("-x: no such option", "-qxf");
    assert_refused("--flag=1: no such option, or a value it does not take", "--flag=1");
    assert_refused("--text: a value is missing", "--text");
    assert_refused("-n: a value is missing", "a", "-n");
    assert_refused("--integer 101: must be from -5 to 100", "-n", "101");
    assert_refused("--integer -6: must be", "--integer", "-6");
    assert_refused("'3.5': not a whole number", "-n", "3.5");
    assert_refused("'': not a whole number", "-n", "");
    assert_refused("not a whole number", "-n", "99999999999999999999");
    assert_refused("--number 1.001: must be from 0 to 1", "-r", "1.001");
    assert_refused("'nan': not a number", "-r", "nan");
    assert_refused("'inf': not a number", "-r", "inf");
    assert_refused("'1e999': not a number", "-r", "1e999");
    assert_refused("'1K': not a number", "-r", "1K");
    assert_refused("'-1': not a size", "--bytes", "-1");
    assert_refused("'1T': not a size", "--bytes", "1T");
    assert_refused("'1KB': not a size", "--bytes", "1KB");
    assert_refused("not a size", "--bytes", "8589934592G");
    assert_refused("'': not a size", "--bytes=");
    assert_refused("--choice 'c': must be one of a|b|cc", "--choice", "c");
    assert_refused("--choice '': must be one of", "--choice=");
    assert_refused("--choice 'a|b': must be one of", "--choice", "a|b");
    assert_refused("--threads 0: must be from 1 to 1024", "-t0");
    assert_refused("--max-record 5: must be from 1024", "--max-record", "5");
}

static void operands_are_counted(void **state) {
    (void)state;
    struct call call = {.arguments = {"a", "b", "c"}, .least = 1, .most = 2};
    struct child child = run_child(parse_and_print, &call);
    assert_int_equal(child.status, 2);
    assert_non_null(strstr(child.err, "'c': one operand too many"));
    call.arguments[0] = NULL;
    child = run_child(parse_and_print, &call);
    assert_int_equal(child.status, 2);
    assert_non_null(strstr(child.err, "an operand is missing: tester [OPTION]... [FILE]..."));
}

// Recorded: what changes the bytes that come out and is not the default; of files only that there
// was one.
static void history_tells_what_was_changed(void **state) {
    (void)state;
#define LINE "|tester " PLEURA_VERSION
    char longest[2000];
    assert_parsed(LINE " --flag --text a b --file --choice a --integer -1 --number 0.18 --bytes 6",
                  "--text=a b", "-f", "-i", "/home/someone/secret", "--choice=a", "-n", "-1", "-r",
                  "0.18", "--bytes=6");
    assert_parsed(LINE, "--text=none", "--choice=b", "--integer=7", "-r0.17", "--bytes", "5", "-q",
                  "-t", "3", "--max-record=1M", "-o", "x");
    // Longer or other than a line of UTF-8: cut, or with ? in it.
    assert_parsed(LINE " --text a?b??\xCE\xA9?", "--text=a\nb\x7F\xFF\xCE\xA9\xCE");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    for (size_t i = 2; i + 2 < sizeof longest; i += 2) {
        memcpy(longest + i - 1, "\xCE\xA9", 2);
    }
    const struct child child = PARSE("--text", longest);
    const char *line = strstr(child.out, LINE);
    assert_int_equal(child.status, 0);
    assert_true(utf8_valid(line, strlen(line)));
    assert_in_range(strlen(line), 300, 1000);
}

// ---- answers

static const char *answer(struct child *child, const char *option) {
    *child = PARSE(option);
    assert_int_equal(child->status, 0);
    assert_string_equal(child->err, "");
    return child->out;
}

static void questions_are_answered(void **state) {
    (void)state;
    struct child child;
    assert_string_equal(answer(&child, "--version"), "tester (Pleura) " PLEURA_VERSION "\n");
    const char *help = answer(&child, "--help");
    assert_int_equal(strncmp(help, "Usage: tester [OPTION]... [FILE]...\n", 36), 0);
    assert_non_null(strstr(help, "\n  -n, --integer N           a number (default: 7)\n"));
    assert_non_null(strstr(help, "\n      --choice a|b|cc       a choice (default: b)\n"));
    assert_non_null(strstr(
        help, "\n      --many NAME           another choice: first-of-many, second-of-many,\n"
              "                            third-of-many, fourth-of-many, fifth-of-many,\n"
              "                            last-of-many (default: last-of-many)\n"));
    for (const char *line = help; *line;) {
        const size_t length = strcspn(line, "\n");
        assert_true(length < 80 && (length == 0 || line[length - 1] != ' '));
        line += length + (line[length] == '\n');
    }
    const char *manual = answer(&child, "--man");
    assert_int_equal(strncmp(manual, ".TH PLEURA-TESTER 1 ", 20), 0);
    assert_non_null(strstr(manual, "\n\\&.Second 'paragraph' \\- with a \\e in it.\n"));
    assert_non_null(strstr(manual, "\n.B \\-n, \\-\\-integer N\na number (default: 7)\n"));
    assert_non_null(strstr(manual, "\n.SH EXIT STATUS\n"));
    const char *options = answer(&child, "--options");
    assert_non_null(strstr(
        options,
        "\"integer\":{\"type\":\"integer\",\"recorded\":true,"
        "\"letter\":\"n\",\"minimum\":-5,\"maximum\":100,\"default\":7,\"help\":\"a number\"}"));
    assert_non_null(strstr(options, "\"silent\":{\"type\":\"integer\",\"recorded\":false,"));
    assert_non_null(strstr(options, "\"choices\":[\"a\",\"b\",\"cc\"],\"default\":\"b\""));
    assert_string_equal(answer(&child, "--summary"), "score\ta program\n");
}

static void answer_to_full_disk(void *argument) {
    (void)dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    parse_and_print(argument);
}

static void a_lost_answer_is_an_error(void **state) {
    (void)state;
    struct call call = {.arguments = {"--help"}};
    const struct child child = run_child(answer_to_full_disk, &call);
    assert_int_equal(child.status, 1);
    assert_non_null(strstr(child.err, "stdout: No space left on device"));
}

// ---- the process

// A file opened after the parsing must not become stderr, nor stdout.
static void run_without_standard_files(void *argument) {
    (void)close(STDIN_FILENO);
    (void)close(STDERR_FILENO);
    (void)signal(SIGPIPE, SIG_IGN);
    parse_and_print(argument);
    const int next = open("/dev/null", O_RDONLY);
    char byte = 0;
    const bool useless = read(STDIN_FILENO, &byte, 1) < 0 && write(STDERR_FILENO, "x", 1) < 0;
    const bool reset = signal(SIGPIPE, SIG_DFL) == SIG_DFL;
    exit(next > STDERR_FILENO && useless && reset ? 5 : 6);
}

static void standard_files_are_never_others(void **state) {
    (void)state;
    struct call call = {.arguments = {NULL}, .most = -1};
    assert_int_equal(run_child(run_without_standard_files, &call).status, 5);
}

static void numbers_come_back(void **state) {
    (void)state;
    static const struct {
        double number;
        const char *text;
    } numbers[] = {{0.17, "0.17"},
                   {250, "250"},
                   {-3, "-3"},
                   {0, "0"},
                   {1e-8, "1e-08"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {1e300, "1e+300"},
                   {NAN, "nan"},
                   {-INFINITY, "-inf"},
                   {123456.789, "123456.789"},
                   {1e14, "100000000000000"}};
    char text[NUMBER_TEXT_SIZE];
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        number_text(text, numbers[i].number);
        assert_string_equal(text, numbers[i].text);
    }
}

static void characters_are_those_of_unicode(void **state) {
    (void)state;
    assert_int_equal(utf8_character("", 0), 0);
    assert_int_equal(utf8_character("\0", 1), 1);
    assert_int_equal(utf8_character("\x7F", 1), 1);
    assert_int_equal(utf8_character("\xC2\x80", 2), 2);
    assert_int_equal(utf8_character("\xE0\xA0\x80", 3), 3);
    assert_int_equal(utf8_character("\xED\x9F\xBF", 3), 3);
    assert_int_equal(utf8_character("\xEF\xBF\xBF", 3), 3);
    assert_int_equal(utf8_character("\xF0\x90\x80\x80", 4), 4);
    assert_int_equal(utf8_character("\xF4\x8F\xBF\xBF", 4), 4);
    static const char *const bad[] = {"\x80",         "\xC1\xBF",         "\xC2",
                                      "\xC2\x41",     "\xE0\x9F\xBF",     "\xED\xA0\x80",
                                      "\xE1\x80",     "\xE1\x80\xC0",     "\xF0\x8F\xBF\xBF",
                                      "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                      "\xFF"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(utf8_character(bad[i], strlen(bad[i])), 0);
    }
    assert_true(utf8_valid("01234567\xCE\xA9"
                           "0123456",
                           17));
    assert_false(utf8_valid("01234567\xCE\xA9"
                            "0123456\xCE",
                            18));
    assert_true(utf8_valid(NULL, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(operands_are_counted),
        cmocka_unit_test(history_tells_what_was_changed),
        cmocka_unit_test(questions_are_answered),
        cmocka_unit_test(a_lost_answer_is_an_error),
        cmocka_unit_test(standard_files_are_never_others),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(characters_are_those_of_unicode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
