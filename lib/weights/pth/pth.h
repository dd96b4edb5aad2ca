// PyTorch's files of weights: zip archives with a pickle inside, and the older form of pickles one
// behind the other with the numbers after them.
#ifndef PLEURA_WEIGHTS_PTH_PTH_H
#define PLEURA_WEIGHTS_PTH_PTH_H

#include "weights/source.h"
#include "weights/table.h"

// Whether a file's first bytes are those of a zip archive, or of the older form.
bool pth_is_zip(const unsigned char *bytes, size_t length);
bool pth_is_old(const unsigned char *bytes, size_t length);

// Adds the tensors of the state_dict (state_dict.h). What is no tensor is left out, with a note.
CHECKED bool pth_read_zip(const struct weight_source *source, struct weight_table *table,
                          struct error *error);
CHECKED bool pth_read_old(const struct weight_source *source, struct weight_table *table,
                          struct error *error);

#endif
