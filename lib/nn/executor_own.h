// What an executor holds, for the files that make and run it.
#ifndef PLEURA_NN_EXECUTOR_OWN_H
#define PLEURA_NN_EXECUTOR_OWN_H

#include "nn/executor.h"
#include "nn/schedule.h"

// The names of the methods that a node's kernel has chosen (kernel_plan).
struct node_methods {
    const char *forward, *backward;
};

struct executor {
    struct graph *graph;
    struct backend *backend;
    struct strips strips;
    struct schedule schedule;
    struct call *calls;           // one a step
    void **states;                // one a node
    struct node_methods *methods; // likewise
    char *memory;
    size_t memory_bytes;
    void *preparation; // what kernels' prepare works in, one after the other
    size_t preparation_bytes;
    float *values, *gradients;
    size_t value_count, learned_count, decaying_count;
    uint64_t *seed;              // on the device
    bool changed;                // parameters that kernels have not seen
    const struct executor *host; // whose parameters, seed and, if it is enough, memory it uses
    bool apart;                  // see executor_keep_statistics_apart
};

// Lets the kernel of forward step i take its parameters.
void executor_prepare(struct executor *executor, int i);

static inline const struct kernel *kernel_of(const struct executor *executor, int node) {
    const struct operation *operation = graph_node_at(executor->graph, node)->operation;
    const struct kernel *const *kernels = executor->backend->kernels;
    return kernels != NULL ? kernels[operation->index] : operation->cpu;
}

#endif
