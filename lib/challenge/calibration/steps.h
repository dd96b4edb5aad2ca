// The values that a number is tried with, as a user writes them.
#ifndef PLEURA_CHALLENGE_CALIBRATION_STEPS_H
#define PLEURA_CHALLENGE_CALIBRATION_STEPS_H

#include "core/error.h"

#include <stddef.h>

#define STEPS_MAX 100

// Ascending, each once.
struct steps {
    size_t count;
    double values[STEPS_MAX];
};

// Reads "A,B,C", of which each may be FROM:TO:STEP (FROM, FROM + STEP ... up to TO, each rounded to
// 12 decimal digits, so that 0.1:0.3:0.1 holds 0.3). Fails for values outside of `least` to `most`,
// for steps that do not lead up, and for more than STEPS_MAX values.
CHECKED bool steps_read(struct steps *steps, const char *text, double least, double most,
                        struct error *error);

#endif
