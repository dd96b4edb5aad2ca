// Warm-up, cosines, plateaus.
#include "train/schedule.h"

#include <math.h>
#include <string.h>

struct schedule schedule_usual(void) {
    return (struct schedule){.kind = "cosine",
                             .warm_up = 5,
                             .cycles = 1,
                             .cycle_factor = 1,
                             .plateau_factor = 0.5,
                             .plateau_patience = 10};
}

// The rate at `position` of `length`, in cycles of the cosine that fill the length.
static double cosine_rate(const struct schedule *schedule, double position, double length,
                          double base) {
    double lengths = 0;
    for (int64_t k = 0; k < schedule->cycles; k++) {
        lengths += pow(schedule->cycle_factor, (double)k);
    }
    double first = 0;
    double cycle = length / lengths;
    for (int64_t k = 1; k < schedule->cycles && position >= first + cycle; k++) {
        first += cycle;
        cycle *= schedule->cycle_factor;
    }
    return 0.1 * base + 0.45 * base * (1 + cos(M_PI * (position - first) / cycle));
}

double schedule_rate(const struct schedule *schedule, int64_t i, int64_t iterations, double base,
                     int64_t reductions) {
    const int64_t warm = (int64_t)((double)iterations * schedule->warm_up / 100.0);
    const double warmed =
        i <= warm && warm > 0 ? base * (0.1 + 0.9 * (double)i / (double)warm) : base;
    if (strcmp(schedule->kind, "cosine") == 0 && i > warm) {
        return cosine_rate(schedule, (double)(i - warm), (double)(iterations - warm), base);
    }
    return warmed * pow(schedule->plateau_factor, (double)reductions);
}

void schedule_evaluated(const struct schedule *schedule, struct plateau *plateau, bool best) {
    plateau->waited = best ? 0 : plateau->waited + 1;
    if (plateau->waited > schedule->plateau_patience) {
        plateau->waited = 0;
        plateau->reductions++;
    }
}
