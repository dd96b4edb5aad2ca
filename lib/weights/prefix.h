// What wrappers of a network, or of its encoder, put before the names of its weights.
#ifndef PLEURA_WEIGHTS_PREFIX_H
#define PLEURA_WEIGHTS_PREFIX_H

#include "weights/table.h"

// Takes away the usual prefixes ("module.", "model.", "backbone." ..., several in a row) that stand
// before the names of all tensors, but for `n_averaged`, which an averaged network has besides; the
// table is told. A prefix that one name lacks stays.
void weight_table_strip_prefix(struct weight_table *table);

// Names all that is below "encoder.model." as if it were below "encoder.", where nothing else is
// below that; the table is told.
void weight_table_strip_level(struct weight_table *table);

#endif
