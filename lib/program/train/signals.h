// The signals that ask a run to end: they wait until a step is done.
#ifndef PLEURA_PROGRAM_TRAIN_SIGNALS_H
#define PLEURA_PROGRAM_TRAIN_SIGNALS_H

#include <stdbool.h>

// Blocks SIGINT and SIGTERM for all threads, so before the first.
void signals_hold(void);

// Whether one has come since the last call.
bool signals_came(void);

#endif
