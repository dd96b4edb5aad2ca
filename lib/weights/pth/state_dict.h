// Which of a pickle's dicts is the state_dict: names with tensors.
#ifndef PLEURA_WEIGHTS_PTH_STATE_DICT_H
#define PLEURA_WEIGHTS_PTH_STATE_DICT_H

#include "weights/pth/pickle.h"
#include "weights/table.h"

// The state_dict in what a file holds: the dict below the first of the usual names ("state_dict",
// "model" ...) in which, by the same rule, one is found; else the dict itself; else, of the dicts
// below any other name, the one with most tensors, the first of equals. Where table->state_dict
// names one, that rule begins there. The table is told which it is and what else there was. NULL
// with *error that says what the file holds instead.
CHECKED const struct pickle_value *state_dict_find(struct pickle_value *top,
                                                   struct weight_table *table, struct error *error);

// Whether the value of this item (0 to half the number of items) is a tensor that has a text as its
// name.
bool state_dict_has(const struct pickle_value *dict, size_t item);

#endif
