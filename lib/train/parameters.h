// A network's parameters: first values, and values from files.
#ifndef PLEURA_TRAIN_PARAMETERS_H
#define PLEURA_TRAIN_PARAMETERS_H

#include "nn/network.h"
#include "weights/table.h"

// First values: convolutions normal with deviation sqrt(2 / (out channels * kernel area))
// (Kaiming, fan out, ReLU), norms' weights and variances 1, all else 0. Each parameter draws from
// (seed, its number) alone.
void parameters_start(struct backend *backend, const struct graph *graph, struct network *network,
                      uint64_t seed);

// How a table and a network must fit: a prediction network lacks the auxiliary heads that a
// checkpoint has.
enum take { TAKE_ALL, TAKE_NEEDED };

// Whether a table's tensors are the parameters below `prefix` ("" or "backbone."): every parameter
// must be there with its shape, and with TAKE_ALL every tensor be used; names that are known to be
// of no use are left out (num_batches_tracked; fc.*; pam.key_conv.*, an alias of pam.query_conv).
// `complain` is told of each that is missing, surplus or of another shape.
bool parameters_fit(const struct graph *graph, const struct weight_table *table, const char *prefix,
                    enum take take,
                    void (*complain)(void *context, const char *what, const char *name),
                    void *context);

// Puts the values of a table that fits into the parameters; *error lists the first few that do not.
CHECKED bool parameters_take(struct backend *backend, const struct graph *graph,
                             struct network *network, const struct weight_table *table,
                             const char *prefix, enum take take, struct error *error);

// Copies one network's values to another of the same parameters.
void parameters_copy(struct backend *backend, struct network *to, const struct graph *to_graph,
                     struct network *from, const struct graph *from_graph);

#endif
