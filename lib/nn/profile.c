// Keeping and printing the rows.
#include "nn/profile.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool same_text(const char *one, const char *other) {
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_kind(const struct profile_row *one, const struct profile_row *other) {
    return same_text(one->what, other->what) && same_text(one->pass, other->pass) &&
           same_text(one->method, other->method) && same_text(one->layer, other->layer);
}

static void add_row(struct profile *profile, const struct profile_row *call) {
    size_t i = 0;
    while (i < profile->count && !same_kind(&profile->rows[i], call)) {
        i++;
    }
    if (i == PROFILE_ROWS) {
        return;
    }
    if (i == profile->count) {
        profile->rows[profile->count++] = *call;
        return;
    }
    struct profile_row *row = &profile->rows[i];
    row->calls += call->calls;
    row->seconds += call->seconds;
    row->flop += call->flop;
    row->bytes += call->bytes;
}

// Layers are told apart only where they choose a method.
void profile_add(struct profile *profile, const struct profile_row *call) {
    struct profile_row row = *call;
    row.layer = call->method != NULL ? call->layer : NULL;
    add_row(profile, &row);
}

static int slowest_first(const void *a, const void *b) {
    const double one = ((const struct profile_row *)a)->seconds;
    const double other = ((const struct profile_row *)b)->seconds;
    return one > other ? -1 : one < other;
}

static void print_heading(FILE *file, const char *what) {
    (void)fprintf(file, "%-44s %-9s %-19s %8s %11s %7s %9s %9s\n", what, "pass", "method", "calls",
                  "ms", "share", "GFLOP/s", "GB/s");
}

static void print_row(FILE *file, const char *what, const struct profile_row *row, double all) {
    (void)fprintf(file, "%-44s %-9s %-19s %8zu %11.3f %6.1f%% %9.1f %9.1f\n", what, row->pass,
                  row->method != NULL ? row->method : "", row->calls, row->seconds * 1e3,
                  100 * row->seconds / (all + 1e-30), row->flop / (row->seconds + 1e-30) * 1e-9,
                  row->bytes / (row->seconds + 1e-30) * 1e-9);
}

static void print_layers(const struct profile *profile, double all, FILE *file) {
    bool first = true;
    for (size_t i = 0; i < profile->count; i++) {
        const struct profile_row *row = &profile->rows[i];
        if (row->layer != NULL && first) {
            (void)fputc('\n', file);
            print_heading(file, "layer");
            first = false;
        }
        if (row->layer != NULL) {
            print_row(file, row->layer, row, all);
        }
    }
}

void profile_print(const struct profile *profile, FILE *file) {
    struct profile operations = {.count = 0};
    double all = 0;
    for (size_t i = 0; i < profile->count; i++) {
        struct profile_row row = profile->rows[i];
        row.layer = NULL;
        add_row(&operations, &row);
        all += row.seconds;
    }
    qsort(operations.rows, operations.count, sizeof *operations.rows, slowest_first);
    print_heading(file, "operation");
    for (size_t i = 0; i < operations.count; i++) {
        print_row(file, operations.rows[i].what, &operations.rows[i], all);
    }
    (void)fprintf(file, "%-44s %-9s %-19s %8s %11.3f\n", "all", "", "", "", all * 1e3);
    print_layers(profile, all, file);
}
