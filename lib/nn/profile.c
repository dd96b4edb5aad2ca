// Keeping and printing the rows.
#include "nn/profile.h"

#include <stdlib.h>
#include <string.h>

void profile_add(struct profile *profile, const struct profile_row *call) {
    size_t i = 0;
    while (i < profile->count && (strcmp(profile->rows[i].what, call->what) != 0 ||
                                  strcmp(profile->rows[i].pass, call->pass) != 0)) {
        i++;
    }
    if (i == PROFILE_ROWS) {
        return;
    }
    struct profile_row *row = &profile->rows[i];
    if (i == profile->count) {
        *row = (struct profile_row){.what = call->what, .pass = call->pass};
        profile->count++;
    }
    row->calls += call->calls;
    row->seconds += call->seconds;
    row->flop += call->flop;
    row->bytes += call->bytes;
}

static int slowest_first(const void *a, const void *b) {
    const double one = ((const struct profile_row *)a)->seconds;
    const double other = ((const struct profile_row *)b)->seconds;
    return one > other ? -1 : one < other;
}

void profile_print(const struct profile *profile, FILE *file) {
    struct profile sorted = *profile;
    double all = 0;
    for (size_t i = 0; i < sorted.count; i++) {
        all += sorted.rows[i].seconds;
    }
    qsort(sorted.rows, sorted.count, sizeof *sorted.rows, slowest_first);
    (void)fprintf(file, "%-20s %-9s %8s %11s %7s %9s %9s\n", "operation", "pass", "calls", "ms",
                  "share", "GFLOP/s", "GB/s");
    for (size_t i = 0; i < sorted.count; i++) {
        const struct profile_row *row = &sorted.rows[i];
        (void)fprintf(file, "%-20s %-9s %8zu %11.3f %6.1f%% %9.1f %9.1f\n", row->what, row->pass,
                      row->calls, row->seconds * 1e3, 100 * row->seconds / (all + 1e-30),
                      row->flop / (row->seconds + 1e-30) * 1e-9,
                      row->bytes / (row->seconds + 1e-30) * 1e-9);
    }
    (void)fprintf(file, "%-20s %-9s %8s %11.3f\n", "all", "", "", all * 1e3);
}
