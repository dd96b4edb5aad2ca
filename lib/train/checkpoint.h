// A training run on disk: written whole or not at all, read back so that it goes on bit for bit.
#ifndef PLEURA_TRAIN_CHECKPOINT_H
#define PLEURA_TRAIN_CHECKPOINT_H

#include "stream/writer.h"
#include "train/optimizer.h"

// Where a run stands. Texts are borrowed.
struct training_state {
    const char *network;
    const char *options; // the program's history line: what must be the same to go on
    int64_t side;        // of the images
    int64_t iteration;   // batches done
    int64_t steps;       // of the optimiser
    int64_t samples;     // samples used: iteration * batch
    int64_t seed;
    double rate;        // of the last step
    double score, best; // of the last evaluation, and the best so far; -1: none
    int64_t best_iteration;
    double dice, dice_empty, dice_lesion, accuracy; // of the last evaluation
};

// Writes a checkpoint: parameters, with `resumable` also what the optimiser remembers and the
// gradients gathered so far, and the state. Ends the program where it cannot.
void training_save(const char *path, const struct optimizer *optimizer,
                   const struct training_state *state, bool resumable,
                   const struct history *history);

// Reads it back. The file must come from a run with the same options and network, else *error tells
// both.
CHECKED bool training_load(const char *path, struct optimizer *optimizer,
                           struct training_state *state, struct error *error);

#endif
