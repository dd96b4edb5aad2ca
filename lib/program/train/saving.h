// Checkpoints in the trainer's folder: the last, the best, and those that are kept besides.
#ifndef PLEURA_PROGRAM_TRAIN_SAVING_H
#define PLEURA_PROGRAM_TRAIN_SAVING_H

#include "program/train/trainer.h"

#include <limits.h>

// The path of a file in the trainer's folder. Ends the program where it is too long.
void trainer_path(const struct trainer_options *options, const char *name, char path[PATH_MAX]);

// The name of the kept checkpoint of an iteration, best-ITERATION.mpk.
enum { KEPT_NAME_SIZE = 40 };
void trainer_kept_name(int64_t iteration, char name[KEPT_NAME_SIZE]);

// Writes last.mpk, from which a run goes on. Ends the program on any error, as the next one does.
void save_last(const struct trainer *trainer);

// Writes what is kept of an evaluation that state.score is of: best.mpk where it is the best so
// far, and, with --keep-best, best-ITERATION.mpk where it is one of the best, which state.kept then
// has.
void save_evaluated(struct trainer *trainer, bool best);

#endif
