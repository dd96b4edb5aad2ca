// A survey as a table for a person, and as JSON.
#ifndef PLEURA_PROGRAM_SURVEY_PRINT_H
#define PLEURA_PROGRAM_SURVEY_PRINT_H

#include "program/output.h"
#include "program/survey/survey.h"

// Counts and names; of many names the most frequent ones. Texts from files are shown so that they
// cannot steer a terminal.
void survey_print_table(const struct survey *survey, struct output *output);

// One object on one line: docs/survey.md says what is in it.
void survey_print_json(const struct survey *survey, struct output *output);

#endif
