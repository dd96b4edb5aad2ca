// What a survey finds in images.
#ifndef PLEURA_PROGRAM_SURVEY_IMAGES_H
#define PLEURA_PROGRAM_SURVEY_IMAGES_H

#include "program/survey/survey.h"

// Reads the headers of a set's files: the images and their states. An operand that stands for files
// of which none is an image is a failure.
CHECKED bool survey_read_headers(struct survey *survey, struct survey_set *set,
                                 const struct survey_request *request, struct error *error);

// Says of each image what is to be said, and counts what its header tells.
CHECKED bool survey_judge(struct survey *survey, struct survey_set *set, bool skip,
                          struct error *error);

#endif
