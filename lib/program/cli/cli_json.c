// --options: a program's table as JSON, for scripts that check values before the program runs.
#include "program/cli/cli_json.h"

#include "program/json.h"

#include <string.h>

static const char *type_name(enum option_type type) {
    static const char *const names[] = {
        [OPTION_FLAG] = "flag",     [OPTION_TEXT] = "text",     [OPTION_FILE] = "file",
        [OPTION_FILES] = "files",   [OPTION_CHOICE] = "choice", [OPTION_INTEGER] = "integer",
        [OPTION_NUMBER] = "number", [OPTION_BYTES] = "bytes",
    };
    return names[type];
}

static void member(struct output *output, const char *name, const char *text) {
    output_printf(output, ",\"%s\":", name);
    json_text(output, text, strlen(text));
}

static void number_member(struct output *output, const char *name, double number) {
    output_printf(output, ",\"%s\":", name);
    json_number(output, number);
}

static void print_choices(struct output *output, const char *words) {
    output_printf(output, ",\"choices\":[");
    for (const char *word = words; *word != 0;) {
        const size_t length = strcspn(word, "|");
        json_text(output, word, length);
        word += length;
        if (*word == '|') {
            output_printf(output, ",");
            word++;
        }
    }
    output_printf(output, "]");
}

void cli_print_options(const struct program *program, const struct option_defaults *defaults) {
    struct output *output = output_open(NULL, OUTPUT_TEXT);
    struct option_row rows[MAX_OPTIONS];
    const size_t count = cli_all_options(program, rows);
    output_printf(output, "{");
    for (size_t i = 0; i < count; i++) {
        output_printf(output, "%s\n", i > 0 ? "," : "");
        json_text(output, rows[i].name, strlen(rows[i].name));
        output_printf(output, ":{\"type\":\"%s\",\"recorded\":%s", type_name(rows[i].type),
                      rows[i].trace == OPTION_RECORDED ? "true" : "false");
        if (rows[i].letter != 0) {
            output_printf(output, ",\"letter\":\"%c\"", rows[i].letter);
        }
        if (rows[i].minimum < rows[i].maximum) {
            number_member(output, "minimum", rows[i].minimum);
            number_member(output, "maximum", rows[i].maximum);
        }
        if (rows[i].type == OPTION_CHOICE) {
            print_choices(output, rows[i].argument);
        }
        const char *value = cli_default(&rows[i], defaults->texts[i]);
        if (value != NULL && (rows[i].type == OPTION_INTEGER || rows[i].type == OPTION_NUMBER)) {
            output_printf(output, ",\"default\":%s", value);
        } else if (value != NULL) {
            member(output, "default", value);
        }
        member(output, "help", rows[i].help);
        output_printf(output, "}");
    }
    output_printf(output, "\n}\n");
    output_close(output);
}
