// Options of train-fold: those that come from tables, and those of what a run leaves.
#ifndef PLEURA_PROGRAM_TRAIN_OPTIONS_H
#define PLEURA_PROGRAM_TRAIN_OPTIONS_H

#include "program/cli/cli.h"
#include "program/train/start.h"

// Writes a row for each setting and weight of the terms that is an option, MAX_OPTIONS at most; its
// target is the number in *loss. Returns how many.
size_t loss_rows(struct loss_options *loss, struct option_row *rows);

// The same of the optimisers' settings.
size_t optimizer_rows(struct optimizer_options *options, struct option_row *rows);

// Refuses what cannot be meant, as wrong usage: settings of an optimiser that is not chosen
// or of an optional term of weight 0, a loss of no term, settings of another schedule,
// an average or best checkpoints that nothing would keep, and an encoder that would be let go in
// the middle of a step.
void train_options_check(const struct trainer_options *options);

// Rows of what else is done in an update: clipping, averaging, freezing.
size_t update_rows(struct trainer_options *options, struct option_row *rows);

// Rows of the learning rate's schedule.
size_t schedule_rows(struct schedule *schedule, struct option_row *rows);

// Rows of what a run begins with.
size_t start_rows(struct start_options *options, struct option_row *rows);

// Rows of when and on what a run is evaluated, saved and logged.
size_t result_rows(struct trainer_options *options, struct option_row *rows);

enum { LOSS_TEXT_SIZE = 64 * LOSSES };

// The loss as a sum, "1 x balanced BCE + --lambda-cls x ...", for the help.
void loss_text(char text[LOSS_TEXT_SIZE]);

#endif
