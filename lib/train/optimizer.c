// RAdam over all parameters of a network.
#include "train/optimizer.h"

#include "train/radam.h"

#define BLOCK 65536 // numbers that a thread takes at once

bool optimizer_open(struct optimizer *optimizer, struct backend *backend, struct graph *graph,
                    struct network *network, struct error *error) {
    const size_t bytes = network_learned_count(network) * sizeof(float);
    *optimizer = (struct optimizer){.backend = backend,
                                    .graph = graph,
                                    .network = network,
                                    .mean = backend->calls->alloc(backend, bytes),
                                    .variance = backend->calls->alloc(backend, bytes)};
    if (optimizer->mean == NULL || optimizer->variance == NULL) {
        optimizer_close(optimizer);
        return fail(error, "no memory for the optimiser");
    }
    return true;
}

void optimizer_close(struct optimizer *optimizer) {
    optimizer->backend->calls->release(optimizer->backend, optimizer->mean);
    optimizer->backend->calls->release(optimizer->backend, optimizer->variance);
}

static void update(const struct optimizer *optimizer, const struct radam_step *step, size_t first,
                   size_t count) {
    float *values = network_values(optimizer->network) + first;
    const float *gradients = network_gradients(optimizer->network) + first;
    const size_t blocks = (count + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) num_threads(optimizer->backend->threads)
    for (size_t block = 0; block < blocks; block++) {
        const size_t at = block * BLOCK;
        radam_update(step, values + at, gradients + at, optimizer->mean + first + at,
                     optimizer->variance + first + at, count - at < BLOCK ? count - at : BLOCK);
    }
}

void optimizer_step(struct optimizer *optimizer, double rate, double decay) {
    optimizer->steps++;
    const struct radam_step with_decay = radam_factors(optimizer->steps, rate, decay);
    const struct radam_step without = radam_factors(optimizer->steps, rate, 0);
    for (int i = 0; i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        if (role_is_learned(parameter->role)) {
            update(optimizer, parameter->role == ROLE_CONVOLUTION ? &with_decay : &without,
                   parameter->offset, parameter->count);
        }
    }
    optimizer->backend->calls->clear(optimizer->backend, network_gradients(optimizer->network),
                                     network_learned_count(optimizer->network) * sizeof(float));
    network_changed(optimizer->network);
}
