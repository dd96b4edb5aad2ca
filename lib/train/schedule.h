// The learning rate over the iterations.
#ifndef PLEURA_TRAIN_SCHEDULE_H
#define PLEURA_TRAIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

// How the rate goes on after warming up. The last two are of "plateau" alone.
struct schedule {
    const char *kind;    // "cosine", "plateau" or "constant"
    double warm_up;      // percent of the iterations
    int64_t cycles;      // of a cosine
    double cycle_factor; // how many times as long as the cycle before a cycle is
    double plateau_factor;
    int64_t plateau_patience; // evaluations
};

// The method's: 5 % of warming up, then one cosine.
struct schedule schedule_usual(void);

// The rate of the optimiser step taken in iteration `i` (from 0) of `iterations`: linear from base
// / 10 to base while it warms up, then by kind:
// - cosine: in each cycle half a cosine from base down to base / 10, as in SGDR's warm restarts
//   (Loshchilov and Hutter 2017, arXiv 1608.03983);
// - plateau: base * plateau_factor^reductions, while warming up too; of others there are none;
// - constant: base.
double schedule_rate(const struct schedule *schedule, int64_t i, int64_t iterations, double base,
                     int64_t reductions);

// Where a run stands between evaluations: those in a row without a new best score, and how often
// the rate was reduced.
struct plateau {
    int64_t waited, reductions;
};

// After an evaluation: the rate is reduced where more than plateau_patience in a row brought no new
// best score, as in torch.optim.lr_scheduler.ReduceLROnPlateau without a threshold.
void schedule_evaluated(const struct schedule *schedule, struct plateau *plateau, bool best);

#endif
