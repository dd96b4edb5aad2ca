// The shortest of printf's forms that comes back.
#include "core/text/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void number_text(char text[NUMBER_TEXT_SIZE], double number) {
    if (fabs(number) < 1e15 && trunc(number) == number) { // 250, which %g calls 2.5e+02
        (void)snprintf(text, NUMBER_TEXT_SIZE, "%.0f", number);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            return;
        }
    }
}
