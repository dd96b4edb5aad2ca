// Rows of the option table from tables of settings.
#include "program/train/options.h"

#include <stdio.h>

// Writes a row if the setting is an option; returns how many rows that makes.
static size_t setting_row(const struct setting *setting, double *value, struct option_row *row) {
    if (setting->name == NULL) {
        return 0;
    }
    *row = (struct option_row){.name = setting->name,
                               .type = OPTION_NUMBER,
                               .target = value,
                               .argument = setting->argument,
                               .help = setting->help,
                               .minimum = setting->minimum,
                               .maximum = setting->maximum,
                               .trace = OPTION_RECORDED};
    return 1;
}

size_t loss_rows(struct loss_options *loss, struct option_row *rows) {
    size_t count = 0;
    for (int i = 0; i < LOSSES; i++) {
        const struct loss_term *term = loss_terms[i];
        for (int k = 0; k < MAX_LOSS_SETTINGS; k++) {
            count += setting_row(&term->settings[k], &loss->values[i][k], &rows[count]);
        }
        count += setting_row(&term->weight, &loss->weights[i], &rows[count]);
    }
    return count;
}

void loss_text(char text[LOSS_TEXT_SIZE]) {
    size_t length = 0;
    for (int i = 0; i < LOSSES && length < LOSS_TEXT_SIZE; i++) {
        const struct setting *weight = &loss_terms[i]->weight;
        char usual[32];
        (void)snprintf(usual, sizeof usual, "%g", weight->usual);
        length +=
            (size_t)snprintf(text + length, LOSS_TEXT_SIZE - length, "%s%s%s x %s",
                             i > 0 ? " + " : "", weight->name != NULL ? "--" : "",
                             weight->name != NULL ? weight->name : usual, loss_terms[i]->title);
    }
}
