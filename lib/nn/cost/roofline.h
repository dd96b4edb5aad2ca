// The least time that a graph takes on a device: what its arithmetic and its traffic with memory
// come to at the device's rates.
#ifndef PLEURA_NN_COST_ROOFLINE_H
#define PLEURA_NN_COST_ROOFLINE_H

#include "nn/graph.h"

// What a device can do.
struct rates {
    double flop, bytes; // a second
    // The operations at that rate that a node's forward or backward pass comes to, where a method
    // makes fewer of them than there are in the formula, or faster ones. NULL: two for each product
    // of the formula, and twice as many in the backward pass where both inputs' gradients are
    // wanted, or the input's and the weights'.
    double (*arithmetic)(const void *context, const struct graph *graph, const struct node *node,
                         bool backward);
    const void *context;
};

// The work of a graph, and the least time that it takes (Williams et al. 2009).
struct roofline {
    double flop, bytes, seconds;
};

// The roofline of a forward pass, and in training of the backward one. What is recomputed happens
// inside of the layer that reads it; of all else each activation is written once and read once a
// pass, and its gradient likewise; weights are read once a pass, and their gradients (float32)
// added to. Outputs are read by the loss, which writes their gradients. Each layer takes its
// arithmetic or its traffic, whichever is longer. Norms' sums over a batch, the loss's own work and
// the optimiser's are left out, and caches are taken for too small to hold an activation from one
// layer to the next.
CHECKED bool graph_roofline(const struct graph *graph, enum precision precision,
                            const struct rates *rates, struct roofline *roofline,
                            struct error *error);

#endif
