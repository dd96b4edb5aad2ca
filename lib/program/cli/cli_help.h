// --help and the manual page, from a program's table.
#ifndef PLEURA_PROGRAM_CLI_HELP_H
#define PLEURA_PROGRAM_CLI_HELP_H

#include "program/cli/cli_options.h"

// Prints the help text, or the same as a manual page (man(7) macros), on stdout.
void cli_print_help(const struct program *program, const struct option_defaults *defaults,
                    bool manual);

#endif
