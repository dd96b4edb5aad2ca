// --help, the manual page and --options, all from a program's table.
#ifndef PLEURA_PROGRAM_CLI_HELP_H
#define PLEURA_PROGRAM_CLI_HELP_H

#include "program/cli.h"

enum { MAX_OPTIONS = 64 }; // of a program, shared ones included

// Fills `rows` (MAX_OPTIONS at most) with a program's own options, the shared ones it has, and
// --help, --man, --options, --version, whose targets are NULL. Returns how many.
size_t cli_all_options(const struct program *program, struct option_row *rows);

// Prints the help text, or the same as a manual page (man(7) macros), on stdout.
void cli_print_help(const struct program *program, bool manual);

// Prints the options on stdout as JSON: {"NAME": {"type": ..., "minimum": ..., "maximum": ...,
// "choices": [...], "help": ...}, ...}, ranges and choices where there are any.
void cli_print_options(const struct program *program);

#endif
