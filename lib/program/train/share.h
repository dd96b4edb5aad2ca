// Batches shared out over ranks: rank 0 takes the steps, the others run passes for it.
#ifndef PLEURA_PROGRAM_TRAIN_SHARE_H
#define PLEURA_PROGRAM_TRAIN_SHARE_H

#include "program/ranks/numbers.h"
#include "train/step.h"

// ---- rank 0. All end the program where a rank has ended or a device failed.

struct share {
    struct ranks *ranks;
    const struct step_runner *runner;
    struct numbers numbers; // open where there are several ranks
};

// Tells the others the batches' sizes, once this one can train: what cannot be has been said by
// then, by one of them. The runner must outlive it. `quiet`: it is not said which way numbers go.
void share_begin(struct share *share, struct ranks *ranks, const struct step_runner *runner,
                 const struct batch *batch, bool quiet);

// Sends them the learned parameters.
void share_parameters(const struct share *share);

// Lets a rank run the passes on a full batch; `seed`: of their random draws.
void share_batch(const struct share *share, size_t rank, uint64_t seed, const struct batch *batch);

// Waits for what they have left, which then lies in step_left. Returns whether that rank has been
// asked to stop.
bool share_take(const struct share *share, size_t rank, struct loss_sums *sums);

// Lets the others end.
void share_end(struct share *share);

// ---- the others

// Waits for the sizes, and opens a batch of them.
void share_sizes(struct ranks *ranks, struct batch *batch);

// Runs passes until rank 0 lets it end. Signals that ask it to stop are told to rank 0, and held.
void share_work(struct ranks *ranks, struct optimizer *optimizer, const struct batch *batch,
                const struct loss_options *loss);

#endif
