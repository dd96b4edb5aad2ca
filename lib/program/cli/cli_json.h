// --options, from a program's table.
#ifndef PLEURA_PROGRAM_CLI_JSON_H
#define PLEURA_PROGRAM_CLI_JSON_H

#include "program/cli/cli_options.h"

// Prints the options on stdout as JSON: {"NAME": {"type": ..., "minimum": ..., "maximum": ...,
// "choices": [...], "default": ..., "help": ...}, ...}, each where there is one.
void cli_print_options(const struct program *program, const struct option_defaults *defaults);

#endif
