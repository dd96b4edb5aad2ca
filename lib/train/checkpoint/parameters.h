// A network's parameters: first values, and values from files.
#ifndef PLEURA_TRAIN_CHECKPOINT_PARAMETERS_H
#define PLEURA_TRAIN_CHECKPOINT_PARAMETERS_H

#include "nn/executor.h"
#include "train/checkpoint/fit.h"
#include "weights/table.h"

// First values: convolutions normal with deviation sqrt(2 / (out channels * window area))
// (Kaiming, fan out, ReLU), linear layers with sqrt(2 / in channels) (fan in), norms' weights and
// variances 1, all else 0. Each parameter draws from (seed, its index) alone.
CHECKED bool parameters_start(struct backend *backend, const struct graph *graph,
                              struct executor *executor, uint64_t seed, struct error *error);

// Puts the values of a table that fits, and is finite, into the parameters; *error lists the first
// that do not, or names the first that is not. Tensors that have been put lose their values, whose
// memory then serves others.
CHECKED bool parameters_take(struct backend *backend, const struct graph *graph,
                             struct executor *executor, struct weight_table *table,
                             const char *prefix, enum take take, struct error *error);

// The same for a network that only predicts, and for those that have its parameters
// (executor_settle_from), of a table that is the whole network's: a layer's tensors lose their
// values before the next layer's are put.
CHECKED bool parameters_settle(struct backend *backend, const struct graph *graph,
                               struct executor *executor, struct executor *const *guests,
                               size_t guest_count, struct weight_table *table, struct error *error);

// Copies one network's values to another of the same parameters. `learned`: on the device, what is
// copied in place of the learned ones, in their order; NULL: they themselves.
CHECKED bool parameters_copy(struct backend *backend, struct executor *to,
                             const struct graph *to_graph, struct executor *from,
                             const struct graph *from_graph, const float *learned,
                             struct error *error);

#endif
