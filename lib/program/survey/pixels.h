// What a survey finds in pixels.
#ifndef PLEURA_PROGRAM_SURVEY_PIXELS_H
#define PLEURA_PROGRAM_SURVEY_PIXELS_H

#include "program/survey/survey.h"

// Decodes the images that are readable going by their headers, and their masks, in worker
// processes: what does not decode becomes refused.
CHECKED bool survey_decode(struct survey *survey, const struct survey_request *request,
                           struct error *error);

// Says which of the decoded images that are used show nothing, are almost black, or have the same
// pixels as another.
CHECKED bool survey_judge_pixels(struct survey *survey, struct error *error);

#endif
