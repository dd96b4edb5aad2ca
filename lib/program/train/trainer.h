// The training loop: batches from samples, steps, evaluation, checkpoints, a log.
#ifndef PLEURA_PROGRAM_TRAIN_TRAINER_H
#define PLEURA_PROGRAM_TRAIN_TRAINER_H

#include "loss/total_loss.h"
#include "program/ranks/ranks.h"
#include "program/streams/sources.h"
#include "train/batch.h"
#include "train/checkpoint/checkpoint.h"

struct trainer_options {
    int64_t iterations; // batches, all in all
    int64_t accumulate; // batches for one step of the optimiser
    int64_t seed;
    int64_t evaluate_every, save_every, log_every; // iterations; 0: at the end only
    int64_t freeze;                                // iterations in which the encoder stays
    double rate, decay;
    struct schedule schedule;
    struct loss_options loss;
    struct optimizer_options optimizer;
    const char *keep;       // best by "dice", or by weighted accuracy, "wacc"
    int64_t keep_best;      // 1: the best alone; else so many, in files of their own
    const char *validation; // a file of samples, or NULL
    const char *folder;     // where checkpoints go
    const char *log;        // a file of JSON lines
    size_t max_record;
    bool quiet;
    bool profile; // at the end prints on stderr where the time went
};

struct trainer {
    const struct trainer_options *options;
    struct optimizer optimizer; // with backend, graph and network
    struct graph *check_graph;  // of the prediction network that evaluates; NULL without validation
    struct executor *check_executor;
    struct batch batch;  // open
    struct ranks *ranks; // this one is rank 0
    struct sources *samples;
    bool first_waits; // the first sample is in *record, not used yet
    struct record *record;
    struct training_state state;
    const struct history *history;
};

// Trains from state.iteration to the end; samples that the state says are used have been left out
// of the stream. Saves and returns early on SIGINT and SIGTERM (signals_hold): false then; the
// batches that ranks have at hand are done before. Ends the program on bad samples, where they end
// too early, and where a loss or a gradient is not finite; the last checkpoint then stays as it is.
bool trainer_run(struct trainer *trainer);

#endif
