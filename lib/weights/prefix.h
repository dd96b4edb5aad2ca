// Prefixes that wrappers of a network put before the names of its weights.
#ifndef PLEURA_WEIGHTS_PREFIX_H
#define PLEURA_WEIGHTS_PREFIX_H

#include "weights/table.h"

// Takes away the usual prefixes ("module.", "model.", "backbone." ..., several in a row) that stand
// before the names of all tensors, but for `n_averaged`, which an averaged network has besides; the
// table is told. A prefix that one name lacks stays.
void weight_table_strip_prefix(struct weight_table *table);

#endif
