// A training run on disk: written whole or not at all, read back so that it goes on bit for bit.
#ifndef PLEURA_TRAIN_CHECKPOINT_CHECKPOINT_H
#define PLEURA_TRAIN_CHECKPOINT_CHECKPOINT_H

#include "train/checkpoint/training_state.h"
#include "train/optimizer.h"

// Writes a checkpoint: parameters, with `resumable` also what the optimiser remembers and the
// gradients gathered so far, and the state. Ends the program where it cannot.
void training_save(const char *path, const struct optimizer *optimizer,
                   const struct training_state *state, bool resumable,
                   const struct history *history);

// Reads it back. The file must come from a run of this plan with the options, network, seed and
// side that *state has; it must hold each parameter once, and only numbers that a run can leave
// (finite, variances from 0 up, counts that belong together). Else *error names what is wrong, and
// optimiser and network are as they were.
CHECKED bool training_load(const char *path, struct optimizer *optimizer,
                           const struct training_plan *plan, struct training_state *state,
                           struct error *error);

#endif
