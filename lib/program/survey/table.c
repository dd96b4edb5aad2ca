// The table.
#include "core/text/number.h"
#include "core/text/utf8.h"
#include "program/survey/print.h"

#include <math.h>
#include <stdio.h>

enum {
    MAX_ROWS = 8, // of one heading
    MAX_SHOWN = 400,
};

// A line: a heading, a count, what is counted and an example.
static void print_row(struct output *output, const char *heading, size_t count, struct text name,
                      struct text example) {
    char shown[MAX_SHOWN], shown_example[MAX_SHOWN];
    utf8_show_text(name.bytes, name.length, shown, sizeof shown);
    utf8_show_text(example.bytes, example.length, shown_example, sizeof shown_example);
    output_printf(output, "  %-26s %9zu%s%s%s%s\n", heading, count, *shown ? "  " : "", shown,
                  *shown_example ? ": " : "", shown_example);
}

static void print_count(struct output *output, const char *heading, size_t count) {
    print_row(output, heading, count, (struct text){"", 0}, (struct text){"", 0});
}

static void print_tally(struct output *output, const char *heading, const struct tally *tally,
                        bool examples) {
    const size_t kinds = tally->keys.count;
    size_t left = tally->total;
    for (size_t i = 0; i < kinds; i++) {
        const struct tally_row *row = &tally->rows[i];
        if (i == MAX_ROWS && kinds > MAX_ROWS + 1) {
            char text[40];
            (void)snprintf(text, sizeof text, "%zu others", kinds - i);
            print_row(output, "", left, text_of(text), (struct text){"", 0});
            return;
        }
        print_row(output, i == 0 ? heading : "", row->count, row->name,
                  examples ? row->example : (struct text){"", 0});
        left -= row->count;
    }
}

static void print_set(struct output *output, const char *title, const struct survey_set *set,
                      bool decoded) {
    output_printf(output, "%s\n", title);
    print_count(output, "files", set->files.count);
    print_count(output, "images that can be read", set->ids.count);
    print_tally(output, "format", &set->formats, false);
    print_tally(output, "transfer syntax", &set->transfer_syntaxes, false);
    print_tally(output, "height x width", &set->sizes, false);
    print_tally(output, "bits stored of allocated", &set->bits, false);
    print_tally(output, "photometric interpretation", &set->photometrics, false);
    print_tally(output, "cannot be read", &set->left_out, true);
    if (decoded) {
        print_count(output, "of one grey level", set->pixels.blank);
        print_count(output, "of fewer than 16", set->pixels.few);
        print_count(output, "almost black", set->pixels.dark);
        print_count(output, "of another's pixels", set->pixels.doubles);
    }
}

static void print_quantiles(struct output *output, const char *heading, const double *quantiles,
                            double scale, const char *format) {
    output_printf(output, "  %-26s", heading);
    for (size_t i = 0; i < SURVEY_QUANTILES; i++) {
        output_printf(output, format, quantiles[i] * scale);
    }
    output_printf(output, "\n");
}

static void print_lesions(struct output *output, const struct survey_lesions *lesions) {
    output_printf(output, "Labels\n");
    print_count(output, "images with labels", lesions->labelled);
    print_count(output, "images without", lesions->unlabelled);
    print_count(output, "labels without an image", lesions->without_image);
    if (!lesions->measured) {
        return;
    }
    char share[40];
    (void)snprintf(share, sizeof share, "%.1f %%",
                   100 * (double)lesions->lesions / fmax((double)lesions->labelled, 1));
    print_row(output, "images with a lesion", lesions->lesions, text_of(share),
              (struct text){"", 0});
    print_tally(output, "rows an image with one", &lesions->rows_per_image, false);
    if (lesions->lesions == 0) {
        return;
    }
    output_printf(output, "  %-26s", "");
    for (size_t i = 0; i < SURVEY_QUANTILES; i++) {
        output_printf(output, " %9s", SURVEY_QUANTILE[i].name);
    }
    output_printf(output, "\n");
    print_quantiles(output, "area, pixels", lesions->area, 1, " %9.0f");
    print_quantiles(output, "area, % of the image", lesions->share, 100, " %9.3f");
}

void survey_print_table(const struct survey *survey, struct output *output) {
    print_set(output, "Training images", &survey->train, survey->decoded);
    if (survey->labelled) {
        print_lesions(output, &survey->lesions);
    }
    if (survey->test.given) {
        print_set(output, "Test images", &survey->test, survey->decoded);
    }
}
