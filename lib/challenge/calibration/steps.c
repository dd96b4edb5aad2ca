// Lists and ranges of numbers.
#include "challenge/calibration/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Inserts a value in order; one that is there already stays alone.
static bool add(struct steps *steps, double value, struct error *error) {
    size_t index = steps->count;
    while (index > 0 && steps->values[index - 1] >= value) {
        index--;
    }
    if (index < steps->count && steps->values[index] == value) {
        return true;
    }
    if (steps->count == STEPS_MAX) {
        return fail(error, "more than %d values", STEPS_MAX);
    }
    memmove(steps->values + index + 1, steps->values + index,
            (steps->count - index) * sizeof *steps->values);
    steps->values[index] = value;
    steps->count++;
    return true;
}

static double rounded(double value) {
    char text[40];
    (void)snprintf(text, sizeof text, "%.12g", value);
    return strtod(text, NULL);
}

static bool add_range(struct steps *steps, double from, double to, double step,
                      struct error *error) {
    if (!(step > 0) || !(to >= from)) {
        return fail(error, "%g:%g:%g does not lead up", from, to, step);
    }
    for (size_t i = 0; i <= STEPS_MAX; i++) {
        const double value = rounded(from + (double)i * step);
        if (value > to) {
            return true;
        }
        if (!add(steps, value, error)) {
            return false;
        }
    }
    return fail(error, "more than %d values", STEPS_MAX);
}

// Reads the numbers of "A" or "FROM:TO:STEP"; returns how many, or 0 for anything else.
static size_t read_numbers(const char **text, double numbers[3], double least, double most) {
    size_t count = 0;
    do {
        char *end = NULL;
        *text += count > 0;
        // strtod takes blanks and words such as "inf", too.
        if (strspn(*text, "0123456789.") == 0) {
            return 0;
        }
        numbers[count] = strtod(*text, &end);
        if (count < 2 && !(numbers[count] >= least && numbers[count] <= most)) {
            return 0;
        }
        *text = end;
        count++;
    } while (**text == ':' && count < 3);
    return count == 2 || (**text != '\0' && **text != ',') ? 0 : count;
}

bool steps_read(struct steps *steps, const char *text, double least, double most,
                struct error *error) {
    const char *rest = text;
    steps->count = 0;
    for (;;) {
        double numbers[3];
        const size_t count = read_numbers(&rest, numbers, least, most);
        if (count == 0) {
            return fail(error,
                        "'%s': values from %.10g to %.10g are wanted, as A,B or FROM:TO:STEP", text,
                        least, most);
        }
        if (!(count == 1 ? add(steps, numbers[0], error)
                         : add_range(steps, numbers[0], numbers[1], numbers[2], error))) {
            return fail_within(error, "'%s'", text);
        }
        if (*rest == '\0') {
            return true;
        }
        rest++;
    }
}
