// PyTorch's files of weights: zip archives with a pickle inside, and the older form of pickles one
// behind the other with the numbers after them.
#ifndef PLEURA_WEIGHTS_PTH_H
#define PLEURA_WEIGHTS_PTH_H

#include "weights/table.h"

// Whether a file's first bytes are those of a zip archive, or of the older form.
bool pth_is_zip(const unsigned char *bytes, size_t length);
bool pth_is_old(const unsigned char *bytes, size_t length);

// Adds the tensors of a state_dict: the top dict, or the one it has as `state_dict`, `model` or
// `net`. What is no tensor is left out; "module." before all names (DataParallel) is taken away.
CHECKED bool pth_read_zip(const unsigned char *bytes, size_t length, struct weight_table *table,
                          struct error *error);
CHECKED bool pth_read_old(const unsigned char *bytes, size_t length, struct weight_table *table,
                          struct error *error);

#endif
