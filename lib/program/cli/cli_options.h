// What parsing, --help, the manual page and --options know of a program's options.
#ifndef PLEURA_PROGRAM_CLI_OPTIONS_H
#define PLEURA_PROGRAM_CLI_OPTIONS_H

#include "program/cli/cli.h"

// Fills `rows` (MAX_OPTIONS at most) with a program's own options, the shared ones it has, and
// --help, --man, --options, --summary, --version, whose targets are NULL. Returns how many.
size_t cli_all_options(const struct program *program, struct option_row *rows);

enum {
    MAX_THREADS = 1024, // that --threads takes
    VALUE_TEXT_SIZE = 300,
};

// The options' values as texts, before the command line is read.
struct option_defaults {
    char texts[MAX_OPTIONS][VALUE_TEXT_SIZE];
};

// An option's present value as a text, "" where it has none; of OPTION_FILES how many there are.
void cli_value_text(const struct option_row *row, char text[VALUE_TEXT_SIZE]);

// An option's default as the help shows it; NULL: it has none, or one that its help describes.
const char *cli_default(const struct option_row *row, const char *value);

#endif
