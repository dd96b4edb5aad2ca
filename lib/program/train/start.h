// Where a training run starts: at drawn values, at weights from a file, or where it was left.
#ifndef PLEURA_PROGRAM_TRAIN_START_H
#define PLEURA_PROGRAM_TRAIN_START_H

#include "program/train/trainer.h"

struct start_options {
    const char *init; // a file of weights over the drawn ones, of the network or of its backbone;
                      // NULL: none
    bool resume;      // goes on from last.mpk in the trainer's folder, if it is there
    int64_t skipped;  // samples that are left out of the stream already
};

// Makes the trainer's folder if need be and locks it for the rest of the process, so that no other
// run mixes with this one; sets parameters, optimiser and state, and reads over the samples that
// have been used. Ends the program where that cannot be done.
void trainer_start(struct trainer *trainer, const struct start_options *options);

#endif
