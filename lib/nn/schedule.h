// The order in which a graph's nodes run, and for how long each buffer is needed.
#ifndef PLEURA_NN_SCHEDULE_H
#define PLEURA_NN_SCHEDULE_H

#include "nn/memory_plan.h"
#include "nn/strips/strips.h"

enum step_kind { STEP_FORWARD, STEP_RECOMPUTE, STEP_BACKWARD };

#define NO_BUFFER (-1)

// One run of a node. Buffers are numbers in the schedule's table.
struct step {
    enum step_kind kind;
    int node;
    int in[NODE_INPUTS], out, out_gradient, in_gradient[NODE_INPUTS];
    bool add[NODE_INPUTS];
    int scratch;
};

struct schedule {
    struct step *steps; // forward ones first, one a node, in the order of `strips`
    int step_count, forward_count;
    struct buffer *buffers;
    int buffer_count;
    int input;                               // buffers of the graph's input,
    int *outputs, *output_gradients, *saved; // of each output, and of each node
    int lent;                                // what graph_lend asks for, NO_BUFFER: nothing
};

// Orders the nodes: forward as `strips` says, of which a group's buffers all live while it runs;
// backward in the graph's order reversed; outputs that were not kept are recomputed right before
// the first backward step that reads them. Sizes of scratch and saved buffers are left at 0 for the
// kernels' plans to fill.
CHECKED bool schedule_make(struct schedule *schedule, const struct graph *graph,
                           const struct strips *strips, enum precision precision,
                           struct error *error);
void schedule_free(struct schedule *schedule);

#endif
