// --help and the manual page, both printed from a program's table so that they cannot disagree.
#include "program/cli/cli_help.h"

#include "core/text/ascii.h"
#include "core/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { HEADING_SIZE = 80, OPTION_TEXT_SIZE = 4000 };

// Choices that are no longer than this stand in the heading, others in the text.
enum { MAX_HEADING_CHOICES = 50 };

static bool choices_are_in_text(const struct option_row *row) {
    return row->type == OPTION_CHOICE && strlen(row->argument) > MAX_HEADING_CHOICES;
}

static int option_heading(const struct option_row *row, char text[HEADING_SIZE]) {
    char letter[8] = "    ";
    if (row->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
    }
    const char *argument = choices_are_in_text(row) ? "NAME" : row->argument;
    return snprintf(text, HEADING_SIZE, "%s--%s%s%s", letter, row->name, argument ? " " : "",
                    argument ? argument : "");
}

// The option's help, its choices where the heading has no space for them, and its default.
static void option_text(const struct option_row *row, const char *value,
                        char text[OPTION_TEXT_SIZE]) {
    const char *found = cli_default(row, value);
    const char *choices = choices_are_in_text(row) ? row->argument : "";
    (void)snprintf(text, OPTION_TEXT_SIZE, "%s%s", row->help, row->help[0] && *choices ? ": " : "");
    size_t length = strlen(text);
    for (; *choices && length + 2 < OPTION_TEXT_SIZE; choices++) {
        text[length++] = *choices == '|' ? ',' : *choices;
        if (*choices == '|') {
            text[length++] = ' ';
        }
    }
    (void)snprintf(text + length, OPTION_TEXT_SIZE - length, "%s%s%s%s",
                   found && length > 0 ? " " : "", found ? "(default: " : "", found ? found : "",
                   found ? ")" : "");
}

// Words of one paragraph, broken before column 80 and indented.
static void print_wrapped(const char *text, size_t length, size_t indent, size_t column) {
    for (size_t cursor = 0; cursor < length;) {
        while (cursor < length && ascii_is_space(text[cursor])) {
            cursor++;
        }
        size_t word = 0;
        while (cursor + word < length && !ascii_is_space(text[cursor + word])) {
            word++;
        }
        if (word == 0) {
            break;
        }
        if (column > indent && column + 1 + word > 79) {
            (void)printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)word, text + cursor);
        column += word;
        cursor += word;
    }
    (void)putchar('\n');
}

static void print_text(const struct program *program, const struct option_defaults *defaults) {
    (void)printf("Usage: %s %s\n\n", program->name, program->usage);
    print_wrapped(program->summary, strlen(program->summary), 0, 0);
    for (const char *cursor = program->description; cursor != NULL && *cursor;) {
        const char *end = strstr(cursor, "\n\n");
        const size_t length = end ? (size_t)(end - cursor) : strlen(cursor);
        (void)putchar('\n');
        print_wrapped(cursor, length, 0, 0);
        cursor = end ? end + 2 : NULL;
    }
    (void)printf("\nOptions:\n");
    struct option_row rows[MAX_OPTIONS];
    const size_t count = cli_all_options(program, rows);
    for (size_t i = 0; i < count; i++) {
        char heading[HEADING_SIZE];
        int width = option_heading(&rows[i], heading);
        (void)printf("  %-26s", heading);
        if (width > 25) {
            (void)printf("\n%28s", "");
        }
        char text[OPTION_TEXT_SIZE];
        option_text(&rows[i], defaults->texts[i], text);
        print_wrapped(text, strlen(text), 28, 28);
    }
    if (program->examples != NULL) {
        (void)printf("\nExamples:\n");
        for (const char *cursor = program->examples; *cursor;) {
            const size_t length = strcspn(cursor, "\n");
            (void)printf("  %.*s\n", (int)length, cursor);
            cursor += length + (cursor[length] == '\n');
        }
    }
}

// Text for roff: backslashes and hyphens escaped, no line begins with a control character.
static void print_roff(const char *text, size_t length) {
    bool line_start = true;
    for (size_t i = 0; i < length; i++) {
        if (line_start && (text[i] == '.' || text[i] == '\'')) {
            (void)printf("\\&");
        }
        if (text[i] == '\\') {
            (void)printf("\\e");
        } else if (text[i] == '-') {
            (void)printf("\\-");
        } else {
            (void)putchar(text[i]);
        }
        line_start = text[i] == '\n';
    }
    (void)putchar('\n');
}

static void print_manual(const struct program *program, const struct option_defaults *defaults) {
    (void)printf(".TH PLEURA-");
    for (const char *letter = program->name; *letter; letter++) {
        (void)putchar(toupper((unsigned char)*letter));
    }
    (void)printf(" 1 \"\" \"Pleura %s\" \"Pleura Manual\"\n.SH NAME\n", PLEURA_VERSION);
    (void)printf("pleura\\-");
    print_roff(program->name, strlen(program->name));
    (void)printf("\\- ");
    print_roff(program->summary, strlen(program->summary));
    (void)printf(".SH SYNOPSIS\n.B pleura %s\n", program->name);
    print_roff(program->usage, strlen(program->usage));
    (void)printf(".SH DESCRIPTION\n");
    for (const char *cursor = program->description; cursor != NULL && *cursor;) {
        const char *end = strstr(cursor, "\n\n");
        print_roff(cursor, end ? (size_t)(end - cursor) : strlen(cursor));
        (void)printf(".PP\n");
        cursor = end ? end + 2 : NULL;
    }
    (void)printf(".SH OPTIONS\n");
    struct option_row rows[MAX_OPTIONS];
    const size_t count = cli_all_options(program, rows);
    for (size_t i = 0; i < count; i++) {
        char heading[HEADING_SIZE];
        (void)option_heading(&rows[i], heading);
        const char *bare = heading + strspn(heading, " ");
        (void)printf(".TP\n.B ");
        print_roff(bare, strlen(bare));
        char text[OPTION_TEXT_SIZE];
        option_text(&rows[i], defaults->texts[i], text);
        print_roff(text, strlen(text));
    }
    (void)printf(".SH EXIT STATUS\n0 done, 1 failed (data, disk, device), 2 wrong usage.\n");
    if (program->examples != NULL) {
        (void)printf(".SH EXAMPLES\n.nf\n");
        print_roff(program->examples, strlen(program->examples));
        (void)printf(".fi\n");
    }
    (void)printf(".SH SEE ALSO\n.BR pleura (1)\n");
}

void cli_print_help(const struct program *program, const struct option_defaults *defaults,
                    bool manual) {
    if (manual) {
        print_manual(program, defaults);
    } else {
        print_text(program, defaults);
    }
}
