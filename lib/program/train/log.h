// The log of a training run: one JSON object a line, which ends with the time of day (seconds since
// 1970).
#ifndef PLEURA_PROGRAM_TRAIN_LOG_H
#define PLEURA_PROGRAM_TRAIN_LOG_H

#include "loss/total_loss.h"
#include "train/checkpoint/checkpoint.h"

#include <stdio.h>

// Opens a log for appending, after its lines up to `iteration` (the rest is of steps that a resumed
// run does again). Ends the program where it cannot.
FILE *train_log_open(const char *path, int64_t iteration);

// What happened since the last line.
struct train_summary {
    struct loss_sums loss; // mean over the batches
    double norm; // of the gradients before they were clipped, mean over the updates; -1: of none
    double images_per_second;
};

// A line with the summary: the terms of the loss that `options` tell, the norm if there is one.
void train_log_step(FILE *log, const struct training_state *state,
                    const struct loss_options *options, const struct train_summary *summary);

// The last evaluation, and the program's greatest memory so far.
void train_log_scores(FILE *log, const struct training_state *state, bool best);

#endif
