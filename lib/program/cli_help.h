// --help, the manual page and --options, all from a program's table.
#ifndef PLEURA_PROGRAM_CLI_HELP_H
#define PLEURA_PROGRAM_CLI_HELP_H

#include "program/cli.h"

// Fills `rows` (MAX_OPTIONS at most) with a program's own options, the shared ones it has, and
// --help, --man, --options, --version, whose targets are NULL. Returns how many.
size_t cli_all_options(const struct program *program, struct option_row *rows);

enum { VALUE_TEXT_SIZE = 300 };

// The options' values as texts, before the command line is read.
struct option_defaults {
    char texts[MAX_OPTIONS][VALUE_TEXT_SIZE];
};

// An option's default as the help shows it; NULL: it has none, or one that its help describes.
const char *cli_default(const struct option_row *row, const char *value);

// Prints the help text, or the same as a manual page (man(7) macros), on stdout.
void cli_print_help(const struct program *program, const struct option_defaults *defaults,
                    bool manual);

// Prints the options on stdout as JSON: {"NAME": {"type": ..., "minimum": ..., "maximum": ...,
// "choices": [...], "default": ..., "help": ...}, ...}, each where there is one.
void cli_print_options(const struct program *program, const struct option_defaults *defaults);

#endif
