// The shortest of printf's forms that comes back.
#include "core/number.h"

#include <stdio.h>
#include <stdlib.h>

void number_text(char text[NUMBER_TEXT_SIZE], double number) {
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, NUMBER_TEXT_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            return;
        }
    }
}
