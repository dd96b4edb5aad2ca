// Checkpoints: streams of kind weights. One record a parameter (id: its name, `value`), then one
// record `state`; then perhaps another stream with what the optimiser remembers (id:
// optimizer/NAME). Checkpoints without that may stand in a file one behind another.
#ifndef PLEURA_WEIGHTS_CHECKPOINT_H
#define PLEURA_WEIGHTS_CHECKPOINT_H

#include "stream/writer.h"
#include "weights/table.h"

#define CHECKPOINT_VALUE "value"
#define CHECKPOINT_STATE "state"
#define CHECKPOINT_OPTIMIZER "optimizer/"

// Reads the networks of a file, *count of them: their parameters, of any floating type, and what
// their states say of them. More than `limit` are an error. The first table's bytes_left are those
// of all; the tables are the caller's to free, on failure, too.
CHECKED bool checkpoint_read(const char *path, struct weight_table *tables, size_t limit,
                             size_t *count, struct error *error);

// Describes a file of checkpoints (weights_describe) in one pass, with every check of its streams.
CHECKED bool checkpoint_describe(const char *path, struct weights_description *description,
                                 struct error *error);

// Writes a table as a checkpoint of weights alone.
CHECKED bool checkpoint_write(struct sink sink, const struct weight_table *table,
                              const struct history *history, struct error *error);

#endif
