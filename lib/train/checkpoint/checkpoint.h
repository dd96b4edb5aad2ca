// A training run as a file: what is read back goes on bit for bit.
#ifndef PLEURA_TRAIN_CHECKPOINT_CHECKPOINT_H
#define PLEURA_TRAIN_CHECKPOINT_CHECKPOINT_H

#include "train/checkpoint/training_state.h"
#include "train/optimizer.h"

// Writes a checkpoint: parameters, with `resumable` also what the optimiser remembers and the
// gradients gathered so far, and the state. Without it the learned ones are their moving average,
// if there is one.
CHECKED bool training_write(struct sink sink, const struct optimizer *optimizer,
                            const struct training_state *state, bool resumable,
                            const struct history *history, struct error *error);

// Reads it back. The file must come from a run of this plan with the options, network, seed and
// side that *state has; it must hold each parameter once, and only numbers that a run can leave
// (finite, variances from 0 up, counts that belong together). Else *error names what is wrong, and
// optimiser and network hold a part of it: there is nothing to go on with.
CHECKED bool training_load(const char *path, struct optimizer *optimizer,
                           const struct training_plan *plan, struct training_state *state,
                           struct error *error);

#endif
