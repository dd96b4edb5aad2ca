// Where a training run stands, as a record of its checkpoint.
#ifndef PLEURA_TRAIN_CHECKPOINT_TRAINING_STATE_H
#define PLEURA_TRAIN_CHECKPOINT_TRAINING_STATE_H

#include "stream/writer.h"
#include "train/checkpoint/best_list.h"
#include "train/schedule.h"

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
    bool has_plateau;
    struct plateau plateau; // where there is one
    struct best_list kept;  // of which checkpoints are kept, where its limit is above 1
};

// What a run is going to do, as far as a state must agree with it.
struct training_plan {
    int64_t iterations, accumulate, batch; // see struct trainer_options; images a batch
};

// How many values the record has.
size_t training_state_values(const struct training_state *state);

// Writes the record.
CHECKED bool training_state_write(struct stream_writer *writer, const struct training_state *state,
                                  struct error *error);

// Reads the record into *state, which comes with what it must agree with: options, network, seed,
// side, has_plateau and the limit of `kept`. Counts must agree with the plan and with each other,
// rates lie from 0 to 10, scores from 0 to 1 or at -1. Else *error tells the first that does not.
CHECKED bool training_state_read(const struct record *record, const struct training_plan *plan,
                                 struct training_state *state, struct error *error);

#endif
