// The JSON object.
#include "program/json.h"
#include "program/survey/print.h"

#include <string.h>

enum { MAX_ROWS = 20 }; // of one tally

static void put_text(struct output *output, const char *name, struct text text) {
    output_printf(output, "\"%s\": ", name);
    json_text(output, text.bytes, text.length);
}

// [{NAME: text, "count": n}, ...]; `other` stands for what would make the list too long.
static void put_tally(struct output *output, const char *key, const char *name,
                      const struct tally *tally, bool examples) {
    const size_t kinds = tally->keys.count;
    size_t left = tally->total;
    output_printf(output, "\"%s\": [", key);
    for (size_t i = 0; i < kinds; i++) {
        const struct tally_row *row = &tally->rows[i];
        output_text(output, i > 0 ? ", {" : "{");
        if (i == MAX_ROWS && kinds > MAX_ROWS + 1) {
            output_printf(output, "\"%s\": \"%zu others\", \"count\": %zu", name, kinds - i, left);
            if (examples) {
                output_text(output, ", \"example\": \"\"");
            }
            output_text(output, "}");
            break;
        }
        put_text(output, name, row->name);
        output_printf(output, ", \"count\": %zu", row->count);
        if (examples) {
            output_text(output, ", ");
            put_text(output, "example", row->example);
        }
        output_text(output, "}");
        left -= row->count;
    }
    output_text(output, "]");
}

static void put_quantiles(struct output *output, const char *key, const double *quantiles) {
    output_printf(output, ", \"%s\": {", key);
    for (size_t i = 0; i < SURVEY_QUANTILES; i++) {
        output_printf(output, "%s\"%s\": ", i > 0 ? ", " : "", SURVEY_QUANTILE[i].name);
        json_number(output, quantiles[i]);
    }
    output_text(output, "}");
}

static void put_lesions(struct output *output, const struct survey_lesions *lesions, bool rows) {
    output_printf(output, "{\"images\": %zu, \"without_labels\": %zu, \"without_image\": %zu",
                  lesions->labelled, lesions->unlabelled, lesions->without_image);
    if (rows) {
        output_printf(output, ", \"rows\": %zu, ", lesions->rows);
        put_tally(output, "rows_an_image", "value", &lesions->rows_per_image, false);
    }
    if (lesions->measured) {
        output_printf(output, ", \"lesions\": %zu, \"lesion_share\": ", lesions->lesions);
        json_number(output, lesions->labelled > 0
                                ? (double)lesions->lesions / (double)lesions->labelled
                                : 0);
    }
    if (lesions->measured && lesions->lesions > 0) {
        put_quantiles(output, "area", lesions->area);
        put_quantiles(output, "area_share", lesions->share);
    }
    output_text(output, "}");
}

static void put_pixels(struct output *output, const struct survey_pixels *pixels) {
    output_printf(output,
                  "{\"decoded\": %zu, \"blank\": %zu, \"few_levels\": %zu, \"almost_black\": %zu, "
                  "\"doubles\": %zu}",
                  pixels->decoded, pixels->blank, pixels->few, pixels->dark, pixels->doubles);
}

static void put_set(struct output *output, const struct survey *survey,
                    const struct survey_set *set) {
    if (!set->given) {
        output_text(output, "null");
        return;
    }
    output_printf(output, "{\"files\": %zu, \"images\": %zu, ", set->files.count, set->ids.count);
    put_tally(output, "formats", "value", &set->formats, false);
    output_text(output, ", ");
    put_tally(output, "transfer_syntaxes", "value", &set->transfer_syntaxes, false);
    output_text(output, ", ");
    put_tally(output, "sizes", "value", &set->sizes, false);
    output_text(output, ", ");
    put_tally(output, "bits", "value", &set->bits, false);
    output_text(output, ", ");
    put_tally(output, "photometric_interpretations", "value", &set->photometrics, false);
    output_text(output, ", ");
    put_tally(output, "left_out", "reason", &set->left_out, true);
    output_text(output, ", \"labels\": ");
    if (survey->labelled && set == &survey->train) {
        put_lesions(output, &survey->lesions, !survey->masks.given);
    } else {
        output_text(output, "null");
    }
    output_text(output, ", \"pixels\": ");
    if (survey->decoded) {
        put_pixels(output, &set->pixels);
    } else {
        output_text(output, "null");
    }
    output_text(output, "}");
}

void survey_print_json(const struct survey *survey, struct output *output) {
    output_text(output, "{\"train\": ");
    put_set(output, survey, &survey->train);
    output_text(output, ", \"test\": ");
    put_set(output, survey, &survey->test);
    output_text(output, ", ");
    put_tally(output, "failures", "reason", &survey->failures, true);
    output_text(output, ", ");
    put_tally(output, "notices", "reason", &survey->notices, true);
    output_text(output, "}\n");
}
