// What a survey finds in labels and masks.
#ifndef PLEURA_PROGRAM_SURVEY_LABELS_H
#define PLEURA_PROGRAM_SURVEY_LABELS_H

#include "program/survey/survey.h"

// Reads the labels, or the headers of the masks, and finds each training image's row among them.
CHECKED bool survey_read_labels(struct survey *survey, const struct survey_request *request,
                                struct error *error);

// Holds the labels against the images, whose states are known: rows and masks without an image, run
// lengths that do not fit, areas.
CHECKED bool survey_check_labels(struct survey *survey, const struct survey_request *request,
                                 struct error *error);

#endif
