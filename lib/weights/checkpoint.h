// Checkpoints: streams of kind weights. One record a parameter (id: its name, `value`), then one
// record `state`; then perhaps another stream with what the optimiser remembers (id:
// optimizer/NAME).
#ifndef PLEURA_WEIGHTS_CHECKPOINT_H
#define PLEURA_WEIGHTS_CHECKPOINT_H

#include "stream/writer.h"
#include "weights/table.h"

#define CHECKPOINT_VALUE "value"
#define CHECKPOINT_STATE "state"
#define CHECKPOINT_OPTIMIZER "optimizer/"

// Reads a checkpoint's parameters, of any floating type, and what its state says of the network.
CHECKED bool checkpoint_read(const char *path, struct weight_table *table, struct error *error);

// Writes a table as a checkpoint of weights alone.
CHECKED bool checkpoint_write(struct sink sink, const struct weight_table *table,
                              const struct history *history, struct error *error);

#endif
