// The options of train-fold that come from tables: of the terms of the loss.
#ifndef PLEURA_PROGRAM_TRAIN_OPTIONS_H
#define PLEURA_PROGRAM_TRAIN_OPTIONS_H

#include "loss/loss.h"
#include "program/cli.h"

// Writes a row for each setting and weight of the terms that is an option, MAX_OPTIONS at most; its
// target is the number in *loss. Returns how many.
size_t loss_rows(struct loss_options *loss, struct option_row *rows);

enum { LOSS_TEXT_SIZE = 64 * LOSSES };

// The loss as a sum, "1 x balanced BCE + --lambda-cls x ...", for the help.
void loss_text(char text[LOSS_TEXT_SIZE]);

#endif
