// What the functions that a pickle may call make of their arguments.
#ifndef PLEURA_WEIGHTS_PTH_PICKLE_CALL_H
#define PLEURA_WEIGHTS_PTH_PICKLE_CALL_H

#include "weights/pth/pickle.h"

// The function MODULE.NAME; refuses all but the known ones.
CHECKED bool pickle_function(struct text module, struct text name, struct pickle_value *value,
                             struct error *error);

// Calls a function with a tuple of arguments; *made (empty) becomes the result, or stays empty
// where *same is set to an argument that is the result.
CHECKED bool pickle_call(const struct pickle_value *function, const struct pickle_value *arguments,
                         struct pickle_value *made, struct pickle_value **same,
                         struct error *error);

// A persistent id: ('storage', type, key, place, numbers, ...).
CHECKED bool pickle_storage(const struct pickle_value *id, struct pickle_value *made,
                            struct error *error);

#endif
