// The optimiser: RAdam over all parameters, and whether all gradients are numbers.
#include "train/optimizer.h"

bool optimizer_open(struct optimizer *optimizer, struct backend *backend, struct graph *graph,
                    struct executor *executor, struct error *error) {
    const size_t bytes = executor_learned_count(executor) * sizeof(float);
    *optimizer =
        (struct optimizer){.backend = backend,
                           .graph = graph,
                           .executor = executor,
                           .mean = backend->calls->alloc(backend, bytes),
                           .variance = backend->calls->alloc(backend, bytes),
                           .factors = backend->calls->alloc(backend, 2 * sizeof(struct radam_step)),
                           .bad = backend->calls->alloc(backend, sizeof(int64_t))};
    if (optimizer->mean == NULL || optimizer->variance == NULL || optimizer->factors == NULL ||
        optimizer->bad == NULL) {
        optimizer_close(optimizer);
        return fail(error, "no memory for the optimiser; a smaller batch needs less");
    }
    return true;
}

void optimizer_close(struct optimizer *optimizer) {
    const struct backend_calls *calls = optimizer->backend->calls;
    calls->release(optimizer->backend, optimizer->mean);
    calls->release(optimizer->backend, optimizer->variance);
    calls->release(optimizer->backend, optimizer->factors);
    calls->release(optimizer->backend, optimizer->bad);
}

void optimizer_begin(struct optimizer *optimizer, double rate, double decay) {
    optimizer->steps++;
    const struct radam_step factors[2] = {radam_factors(optimizer->steps, rate, decay),
                                          radam_factors(optimizer->steps, rate, 0)};
    optimizer->backend->calls->put(optimizer->backend, optimizer->factors, factors, sizeof factors);
}

void optimizer_queue(const struct optimizer *optimizer) {
    const struct update update = {.values = executor_values(optimizer->executor),
                                  .gradients = executor_gradients(optimizer->executor),
                                  .mean = optimizer->mean,
                                  .variance = optimizer->variance,
                                  .decaying = executor_decaying_count(optimizer->executor),
                                  .count = executor_learned_count(optimizer->executor),
                                  .factors = optimizer->factors,
                                  .bad = optimizer->bad};
    optimizer->backend->doing = "the optimiser";
    training_of(optimizer->backend)->update(optimizer->backend, &update);
}

const char *optimizer_fault(const struct optimizer *optimizer) {
    int64_t bad = INT64_MAX;
    optimizer->backend->calls->get(optimizer->backend, &bad, optimizer->bad, sizeof bad);
    for (int i = 0; bad != INT64_MAX && i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        const size_t at = (size_t)bad;
        if (at >= parameter->offset && at < parameter->offset + parameter->count) {
            return parameter->name;
        }
    }
    return NULL;
}
