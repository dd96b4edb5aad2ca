// The optimiser's memory on the device, and its steps.
#include "train/optimizer.h"

#include <stdlib.h>
#include <string.h>

const struct optimizer_rule *optimizer_rule_of(const struct optimizer *optimizer) {
    return optimizer_rules[optimizer->options.index];
}

enum { COEFFICIENTS = 4 };

static bool allocate(struct optimizer *optimizer) {
    struct backend *backend = optimizer->backend;
    const struct backend_calls *calls = backend->calls;
    const size_t learned = executor_learned_count(optimizer->executor);
    const size_t bytes = learned * sizeof(float);
    const size_t others = executor_value_count(optimizer->executor) - learned;
    optimizer->gradients = optimizer->options.accumulate > 1
                               ? calls->alloc(backend, bytes)
                               : executor_gradients(optimizer->executor);
    optimizer->momentum = calls->alloc(backend, (others + 1) * sizeof *optimizer->momentum);
    optimizer->coefficients = calls->alloc(backend, COEFFICIENTS * sizeof *optimizer->coefficients);
    optimizer->bad = calls->alloc(backend, sizeof *optimizer->bad);
    bool whole = optimizer->gradients != NULL && optimizer->momentum != NULL &&
                 optimizer->coefficients != NULL && optimizer->bad != NULL;
    if (optimizer->options.clip > 0) {
        optimizer->norm_parts = calls->alloc(backend, NORM_PARTS * sizeof(double));
        optimizer->norm = calls->alloc(backend, sizeof *optimizer->norm);
        whole = whole && optimizer->norm_parts != NULL && optimizer->norm != NULL;
    }
    if (optimizer->options.average > 0) {
        optimizer->average = calls->alloc(backend, bytes);
        whole = whole && optimizer->average != NULL;
    }
    for (size_t i = 0; i < optimizer_rule_of(optimizer)->moments && whole; i++) {
        optimizer->moments[i] = calls->alloc(backend, bytes);
        whole = optimizer->moments[i] != NULL;
    }
    return whole;
}

// Tells the device how fast each running statistic follows.
static bool take_momentum(const struct optimizer *optimizer, struct error *error) {
    const size_t learned = executor_learned_count(optimizer->executor);
    const size_t others = executor_value_count(optimizer->executor) - learned;
    double *momentum = calloc(others + 1, sizeof *momentum);
    if (momentum == NULL) {
        return fail(error, "no memory for the optimiser");
    }
    for (int i = 0; i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        for (size_t k = 0; k < parameter->count && !graph_role_is_learned(parameter->role); k++) {
            momentum[parameter->offset - learned + k] = parameter->momentum;
        }
    }
    optimizer->backend->calls->put(optimizer->backend, optimizer->momentum, momentum,
                                   others * sizeof *momentum);
    free(momentum);
    return true;
}

// In all networks the encoder's names have one of these in front, perhaps behind another.
static bool of_encoder(const char *name) {
    return strncmp(name, "backbone.", 9) == 0 || strstr(name, ".backbone.") != NULL ||
           strncmp(name, "encoder.", 8) == 0;
}

// Tells the device which learned parameters are the encoder's.
static bool mark_encoder(struct optimizer *optimizer, struct error *error) {
    struct backend *backend = optimizer->backend;
    const size_t count = executor_learned_count(optimizer->executor);
    uint8_t *marks = calloc(count + 1, 1);
    size_t marked = 0;
    optimizer->encoder = backend->calls->alloc(backend, count);
    if (marks == NULL || optimizer->encoder == NULL) {
        free(marks);
        return fail(error, "no memory for the optimiser");
    }
    for (int i = 0; i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        if (graph_role_is_learned(parameter->role) && of_encoder(parameter->name)) {
            memset(marks + parameter->offset, 1, parameter->count);
            marked += parameter->count;
        }
    }
    backend->calls->put(backend, optimizer->encoder, marks, count);
    free(marks);
    return marked > 0 || fail(error, "no parameter of this network is named as an encoder's, so "
                                     "there is nothing to freeze");
}

bool optimizer_open(struct optimizer *optimizer, const struct optimizer_options *options,
                    struct backend *backend, struct graph *graph, struct executor *executor,
                    struct error *error) {
    *optimizer = (struct optimizer){
        .backend = backend, .graph = graph, .executor = executor, .options = *options};
    if (!training_has_optimizer(backend, options->index, error)) {
        return false;
    }
    if (!allocate(optimizer)) {
        optimizer_close(optimizer);
        return fail(error, "no memory for the optimiser; a smaller batch needs less");
    }
    if (!take_momentum(optimizer, error) ||
        (options->frozen_steps > 0 && !mark_encoder(optimizer, error))) {
        optimizer_close(optimizer);
        return false;
    }
    executor_keep_statistics_apart(executor);
    return true;
}

void optimizer_close(struct optimizer *optimizer) {
    const struct backend_calls *calls = optimizer->backend->calls;
    for (size_t i = 0; i < MAX_MOMENTS; i++) {
        calls->release(optimizer->backend, optimizer->moments[i]);
    }
    if (optimizer->options.accumulate > 1) {
        calls->release(optimizer->backend, optimizer->gradients);
    }
    calls->release(optimizer->backend, optimizer->momentum);
    calls->release(optimizer->backend, optimizer->coefficients);
    calls->release(optimizer->backend, optimizer->encoder);
    calls->release(optimizer->backend, optimizer->bad);
    calls->release(optimizer->backend, optimizer->norm_parts);
    calls->release(optimizer->backend, optimizer->norm);
    calls->release(optimizer->backend, optimizer->average);
}

void optimizer_start_average(const struct optimizer *optimizer) {
    if (optimizer->average != NULL) {
        optimizer->backend->calls->copy(
            optimizer->backend, optimizer->average, executor_values(optimizer->executor),
            executor_learned_count(optimizer->executor) * sizeof(float));
    }
}

void optimizer_add(const struct optimizer *optimizer) {
    struct executor *executor = optimizer->executor;
    const size_t learned = executor_learned_count(executor);
    const struct batch_sum sum = {.left = executor_gradients(executor),
                                  .sums = optimizer->options.accumulate > 1 ? optimizer->gradients
                                                                            : NULL,
                                  .running = executor_values(executor) + learned,
                                  .momentum = optimizer->momentum,
                                  .learned = learned,
                                  .count = executor_value_count(executor)};
    optimizer->backend->doing = "the sum over batches";
    training_of(optimizer->backend)->add(optimizer->backend, &sum);
}

// Of a step counted from where the parameters are not frozen any more.
static struct optimizer_coefficients coefficients_of(const struct optimizer *optimizer,
                                                     int64_t step, double rate, double decay) {
    if (step <= 0) {
        return (struct optimizer_coefficients){.frozen = true};
    }
    return optimizer_rule_of(optimizer)->begin(step, rate, decay,
                                               optimizer->options.values[optimizer->options.index]);
}

void optimizer_begin(struct optimizer *optimizer, double rate, double decay) {
    optimizer->steps++;
    const int64_t encoder_step = optimizer->steps - optimizer->options.frozen_steps;
    const struct optimizer_coefficients coefficients[COEFFICIENTS] = {
        coefficients_of(optimizer, optimizer->steps, rate, decay),
        coefficients_of(optimizer, optimizer->steps, rate, 0),
        coefficients_of(optimizer, encoder_step, rate, decay),
        coefficients_of(optimizer, encoder_step, rate, 0)};
    optimizer->backend->calls->put(optimizer->backend, optimizer->coefficients, coefficients,
                                   sizeof coefficients);
}

void optimizer_queue(const struct optimizer *optimizer) {
    struct optimizer_update update = {.index = optimizer->options.index,
                                      .parameters = executor_values(optimizer->executor),
                                      .gradients = optimizer->gradients,
                                      .decaying = executor_decaying_count(optimizer->executor),
                                      .count = executor_learned_count(optimizer->executor),
                                      .coefficients = optimizer->coefficients,
                                      .encoder = optimizer->encoder,
                                      .bad = optimizer->bad,
                                      .clip = optimizer->options.clip,
                                      .norm_parts = optimizer->norm_parts,
                                      .norm = optimizer->norm,
                                      .average = optimizer->average,
                                      .gain = (float)(1 - optimizer->options.average)};
    for (size_t i = 0; i < MAX_MOMENTS; i++) {
        update.moments[i] = optimizer->moments[i];
    }
    optimizer->backend->doing = "the optimiser";
    training_of(optimizer->backend)->update(optimizer->backend, &update);
}

double optimizer_norm(const struct optimizer *optimizer) {
    struct gradient_norm norm = {0};
    optimizer->backend->calls->get(optimizer->backend, &norm, optimizer->norm, sizeof norm);
    return norm.norm;
}

const char *optimizer_fault(const struct optimizer *optimizer) {
    int64_t bad = INT64_MAX;
    optimizer->backend->calls->get(optimizer->backend, &bad, optimizer->bad, sizeof bad);
    for (int i = 0; bad != INT64_MAX && i < graph_parameter_count(optimizer->graph); i++) {
        const struct parameter *parameter = graph_parameter_at(optimizer->graph, i);
        const size_t index = (size_t)bad;
        if (index >= parameter->offset && index < parameter->offset + parameter->count) {
            return parameter->name;
        }
    }
    return NULL;
}
